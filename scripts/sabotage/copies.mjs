// Copies of the project to break, and the end of everything that ran in them. The project itself is never written to, so
// nothing patched is left whenever this is killed; what a killed run left in the temporary folder, the next one removes.
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';

const PREFIX = 'lr-sabotage-';
const CGROUPS = '/sys/fs/cgroup';
const leftOut = new Set(['.git', 'node_modules', 'dist', 'coverage']);

/** A pid alone may be somebody else's by now. */
function startOf(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}

/** Makes `<temporary folder>/lr-sabotage-XXXXXX`, after it removed those of runs that are no more. */
export function makeHome() {
  for (const name of readdirSync(tmpdir()).filter((entry) => entry.startsWith(PREFIX))) {
    const home = join(tmpdir(), name);
    let owner;
    try {
      owner = JSON.parse(readFileSync(join(home, 'owner.json'), 'utf8'));
    } catch {
      // Half made, perhaps just now by another run.
      continue;
    }
    if (startOf(owner.pid) !== owner.started) removeHome(home);
  }
  const home = mkdtempSync(join(tmpdir(), PREFIX));
  // Tasks of the end-to-end suites run as other users, from files in here.
  chmodSync(home, 0o755);
  writeFileSync(
    join(home, 'owner.json'),
    JSON.stringify({ pid: process.pid, started: startOf(process.pid) }),
  );
  return home;
}

/** Copies the project to `<home>/<name>`; its suites get `<home>/<name>/t` as their temporary folder. */
export function makeCopy(root, home, name) {
  const copy = join(home, name);
  cpSync(root, copy, {
    recursive: true,
    filter: (source) => !leftOut.has(relative(root, source).split('/')[0]),
  });
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  mkdirSync(join(copy, 't'));
  chmodSync(join(copy, 't'), 0o1777);
  // Blocks of ports are shared by all suites of this host, whatever their temporary folder.
  const ports = join(tmpdir(), 'longrun-e2e-ports');
  mkdirSync(ports, { recursive: true });
  symlinkSync(ports, join(copy, 't', 'longrun-e2e-ports'));
  return copy;
}

/** Processes that carry this path in their command line or environment; everything started for it does. */
function processesOf(path) {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) =>
      ['cmdline', 'environ'].some((file) => {
        try {
          return readFileSync(`/proc/${pid}/${file}`, 'utf8').includes(path);
        } catch {
          return false;
        }
      }),
    )
    .map(Number);
}

function removeGroups(dir) {
  for (const entry of readdirSync(dir, { withFileTypes: true }))
    if (entry.isDirectory()) removeGroups(join(dir, entry.name));
  try {
    rmdirSync(dir);
  } catch {
    // A process in it is still on its way out: an empty group is left, which harms nobody.
  }
}

/** Ends what a suite left running in `copy`, and removes its files and cgroups. Answers how many processes that were. */
export function sweep(copy) {
  const temporary = join(copy, 't');
  const ended = new Set();
  for (let round = 0; round < 5; round++) {
    const pids = processesOf(`${temporary}`).filter((pid) => !ended.has(pid));
    if (pids.length === 0) break;
    for (const pid of pids) {
      ended.add(pid);
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // Gone meanwhile.
      }
    }
  }
  for (const name of existsSync(temporary) ? readdirSync(temporary) : []) {
    if (name === 'longrun-e2e-ports') continue;
    const idFile = join(temporary, name, 'instance-id');
    const id = existsSync(idFile) ? readFileSync(idFile, 'utf8').trim() : '';
    for (const hierarchy of /^[\w-]+$/.test(id) && existsSync(CGROUPS)
      ? ['.', ...readdirSync(CGROUPS)]
      : []) {
      const group = join(CGROUPS, hierarchy, 'longrun', id);
      if (existsSync(group)) removeGroups(group);
    }
    rmSync(join(temporary, name), { recursive: true, force: true, maxRetries: 5 });
  }
  return ended.size;
}

export function removeHome(home) {
  for (const name of readdirSync(home)) if (existsSync(join(home, name, 't'))) sweep(join(home, name));
  rmSync(home, { recursive: true, force: true, maxRetries: 5 });
}
