// The Docker engine and the registry that suites use: those of this machine, else Debian's packages unpacked into a folder of
// our own. Nothing of them is installed, so no daemon of the system's starts.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const packages = ['docker.io', 'docker-registry', 'busybox-static'];
const programs = ['dockerd', 'containerd', 'runc', 'docker-registry', 'busybox'];
/** Beside the package lists, where packages are cached too. */
const folder = '/var/cache/longrun-tests/docker';
const binFolders = ['usr/sbin', 'usr/bin', 'sbin', 'bin'];

function onPath(program) {
  return `${process.env.PATH}:/usr/sbin:/sbin`.split(':').some((dir) => existsSync(join(dir, program)));
}

function inFolder(program) {
  return binFolders.some((bin) => existsSync(join(folder, 'root', bin, program)));
}

const missing = () => programs.filter((program) => !onPath(program) && !inFolder(program));

function unpack(env) {
  const archives = join(folder, 'archives');
  mkdirSync(join(archives, 'partial'), { recursive: true });
  const options = [
    '-y',
    '-qq',
    '--no-install-recommends',
    '--download-only',
    '-o',
    `Dir::Cache::archives=${archives}`,
  ];
  const fetch = () => spawnSync('apt-get', ['install', ...options, ...packages], { stdio: 'inherit', env });
  if (fetch().status !== 0) {
    spawnSync('apt-get', ['update', '-qq'], { stdio: 'inherit', env });
    if (fetch().status !== 0) return 'apt-get cannot fetch them';
  }
  const fresh = join(folder, 'root.new');
  rmSync(fresh, { recursive: true, force: true });
  mkdirSync(fresh);
  for (const name of readdirSync(archives).filter((each) => each.endsWith('.deb'))) {
    const done = spawnSync('dpkg-deb', ['-x', join(archives, name), fresh], { stdio: 'inherit' });
    if (done.status !== 0) return `dpkg-deb cannot unpack ${name}`;
  }
  rmSync(join(folder, 'root'), { recursive: true, force: true });
  renameSync(fresh, join(folder, 'root'));
  rmSync(archives, { recursive: true, force: true });
  writeFileSync(join(folder, 'packages'), packages.join('\n'));
  return undefined;
}

/** Why the suites with a Docker engine have to be left out; undefined when all is there. */
export function prepareDocker() {
  if (process.getuid?.() !== 0) return 'a Docker engine needs root';
  if (!existsSync('/proc/sys/net/ipv4')) return 'a Docker engine needs network namespaces';
  if (missing().length === 0) return undefined;
  if (!existsSync('/etc/debian_version'))
    return `${missing().join(', ')} are missing (fetched by itself only on Debian: ${packages.join(', ')})`;
  process.stdout.write(`fetching ${packages.join(', ')} into ${folder} ...\n`);
  const problem = unpack({ ...process.env, DEBIAN_FRONTEND: 'noninteractive' });
  const still = missing();
  if (problem ?? still.length > 0) return problem ?? `${still.join(', ')} are missing all the same`;
  return undefined;
}

if (process.argv[1]?.endsWith('docker-programs.mjs')) process.stdout.write(`${prepareDocker() ?? 'ready'}\n`);
