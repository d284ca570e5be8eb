import { accessSync, constants, existsSync, readFileSync, statfsSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import type { Settings } from '../config/settings.js';
import { PidLock } from '../util/pid-lock.js';
import { portOwner } from '../util/port-owner.js';
import type { ProcessIdentity } from '../util/process-identity.js';
import { userExists } from './user-exists.js';

/** One thing looked at: what was found, whether it serves, and what to do when it does not. */
export interface Finding {
  readonly what: string;
  readonly verdict: 'ok' | 'warn' | 'bad';
  readonly found: string;
  readonly advice?: string;
}

const ok = (what: string, found: string, advice?: string): Finding => ({
  what,
  verdict: 'ok',
  found,
  ...(advice !== undefined && { advice }),
});
const warn = (what: string, found: string, advice: string): Finding => ({
  what,
  verdict: 'warn',
  found,
  advice,
});
const bad = (what: string, found: string, advice: string): Finding => ({
  what,
  verdict: 'bad',
  found,
  advice,
});

/** Looks at everything `up` depends on. Changes nothing. */
export function examine(settings: Settings): Finding[] {
  const root = process.getuid?.() === 0;
  return [
    ok('Node.js', process.version),
    ok('machine', `${cpus().length} cpus, ${Math.round(totalmem() / 2 ** 20)} MiB of memory`),
    root
      ? ok('user', 'root: tasks get users and cgroups of their own')
      : warn(
          'user',
          `uid ${process.getuid?.() ?? '?'}`,
          'Without root tasks run as this user, and are isolated only where a delegated cgroup allows it.',
        ),
    workDir(settings),
    freeSpace(settings),
    ...cgroups(root),
    ...cgroupMoves(),
    tool('setpriv', 'package util-linux', root),
    tool('setsid', 'package util-linux', true),
    tool('mkfifo', 'package coreutils', true),
    user(settings, root),
    descriptors(),
    ...ports(settings),
    docker(settings),
    ...haproxy(settings),
  ];
}

function workDir(settings: Settings): Finding {
  const what = 'work dir';
  let path = settings.workDir;
  while (!existsSync(path)) path = dirname(path);
  try {
    accessSync(path, constants.W_OK);
  } catch {
    return bad(
      what,
      `${settings.workDir} cannot be written`,
      'Choose another with --work-dir, or run as its owner.',
    );
  }
  const holder = holderOf(settings);
  return ok(what, holder ? `${settings.workDir}, in use by process ${holder.pid}` : settings.workDir);
}

function freeSpace(settings: Settings): Finding {
  let path = settings.workDir;
  while (!existsSync(path)) path = dirname(path);
  const { bavail, bsize } = statfsSync(path);
  const freeMiB = Math.floor((bavail * bsize) / 2 ** 20);
  return freeMiB < 1024
    ? warn(
        'free space',
        `${freeMiB} MiB`,
        'Sandboxes and the store need room; writes are refused when it runs out.',
      )
    : ok('free space', `${freeMiB} MiB`);
}

function cgroups(root: boolean): Finding[] {
  const what = 'cgroups';
  if (existsSync('/sys/fs/cgroup/cgroup.controllers')) {
    const controllers = readFileSync('/sys/fs/cgroup/cgroup.controllers', 'utf8').trim();
    const missing = ['cpu', 'memory', 'pids'].filter((name) => !controllers.split(' ').includes(name));
    if (missing.length > 0)
      return [
        bad(
          what,
          `version 2 without ${missing.join(', ')}`,
          'Enable them on the kernel command line (cgroup_enable=memory).',
        ),
      ];
    return [
      root
        ? ok(what, `version 2 (${controllers})`)
        : warn(
            what,
            'version 2',
            'As a plain user limits need a delegated slice: systemd-run --user -p Delegate=yes longrun up',
          ),
    ];
  }
  const present = ['cpu', 'memory', 'pids', 'freezer'].filter((name) => existsSync(`/sys/fs/cgroup/${name}`));
  if (present.length === 0)
    return [
      bad(what, 'none are mounted', 'Mount them (systemd does); until then tasks run with no limits at all.'),
    ];
  const missing = ['cpu', 'memory', 'pids', 'freezer'].filter((name) => !present.includes(name));
  if (missing.length > 0)
    return [warn(what, `version 1 without ${missing.join(', ')}`, 'Limits of these kinds are not enforced.')];
  if (!root)
    return [
      warn(
        what,
        'version 1, not writable for this user',
        'Run as root for limits; otherwise tasks are only grouped, not limited.',
      ),
    ];
  try {
    accessSync('/sys/fs/cgroup/memory', constants.W_OK);
  } catch (error) {
    return [
      bad(
        what,
        `version 1, read-only (${error instanceof Error ? error.message : String(error)})`,
        'In a container, mount /sys/fs/cgroup writable (docker run --privileged).',
      ),
    ];
  }
  return [ok(what, `version 1 (${present.join(', ')})`)];
}

/** Whether moving a process into a cgroup is cheap here; only said where cgroups are mounted at all. */
function cgroupMoves(): Finding[] {
  const what = 'cgroup moves';
  const mounts = readFileSync('/proc/self/mountinfo', 'latin1')
    .split('\n')
    .filter((line) => / - cgroup2? /.test(line));
  if (mounts.length === 0) return [];
  return mounts.some((line) => /[ ,]favordynmods(,|$)/.test(line))
    ? [ok(what, 'favoured (mount option favordynmods)')]
    : [
        ok(
          what,
          'the first one after a quiet time takes the kernel 15 to 25 ms; containers made in advance hide that',
          'For bursts of launches, on Linux 6.0 and later: mount -o remount,favordynmods /sys/fs/cgroup',
        ),
      ];
}

function tool(name: string, from: string, needed: boolean): Finding {
  const found = [...(process.env['PATH'] ?? '/usr/bin:/bin').split(':'), '/usr/sbin'].find((dir) =>
    existsSync(join(dir, name)),
  );
  if (found) return ok(name, join(found, name));
  return (needed ? bad : warn)(name, 'not found', `Install it (Debian: ${from}).`);
}

function user(settings: Settings, root: boolean): Finding {
  if (!root) return ok('default user', 'tasks run as the user that starts longrun');
  return userExists(settings.defaultUser)
    ? ok('default user', settings.defaultUser)
    : bad(
        'default user',
        `${settings.defaultUser} does not exist`,
        'Name one that does with --default-user.',
      );
}

function descriptors(): Finding {
  const line =
    readFileSync('/proc/self/limits', 'utf8')
      .split('\n')
      .find((text) => text.startsWith('Max open files')) ?? '';
  const soft = Number(line.split(/\s{2,}/)[1]);
  return soft < 8192
    ? warn(
        'open files',
        String(soft),
        'A busy load balancer needs more: ulimit -n 65536 (LimitNOFILE= under systemd).',
      )
    : ok('open files', String(soft));
}

function ports(settings: Settings): Finding[] {
  const wanted = [
    ['API', settings.httpPort, '--http-port'],
    ['master', settings.masterPort, '--master-port'],
    ['agent', settings.agentPort, '--agent-port'],
    ['load balancer', settings.lbHttpPort, '--lb-http-port'],
    ['statistics', settings.lbStatsPort, '--lb-stats-port'],
    ['virtual hosts over TLS', settings.lbHttpsPort, '--lb-https-port'],
    ['apps by header', settings.lbAppIdPort, '--lb-app-id-port'],
    ['names', settings.dnsPort, '--dns-port'],
    ['names over HTTP', settings.dnsHttpPort, '--dns-http-port'],
  ] as const;
  const up = holderOf(settings)?.pid;
  return wanted.map(([name, port, flag]) => {
    const what = `port ${port} (${name})`;
    const owner = port === 0 ? undefined : portOwner(port);
    if (owner === undefined) return ok(what, 'free');
    if (up !== undefined && belongsTo(owner, up)) return ok(what, `in use by this longrun: ${owner}`);
    return warn(
      what,
      `taken by ${owner}`,
      `Choose another with ${flag}, or end what listens there. Fine when that is longrun itself.`,
    );
  });
}

/** The `up` that runs on this work dir, as far as this user may see. */
function holderOf(settings: Settings): ProcessIdentity | undefined {
  try {
    return PidLock.holder(join(settings.workDir, 'run', 'up.lock'));
  } catch {
    // Another user's work dir: who runs on it is not ours to know, and the finding above says what to do.
    return undefined;
  }
}

/** Whether a port's owner, in `portOwner`'s words, is that process or a child of it. */
function belongsTo(owner: string, parent: number): boolean {
  const pid = Number(/\(pid (\d+)\)$/.exec(owner)?.[1]);
  if (pid === parent) return true;
  try {
    return new RegExp(`^PPid:\\s*${parent}$`, 'm').test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    // It ended meanwhile, or its pid is not known: then it is nobody's child.
    return false;
  }
}

function docker(settings: Settings): Finding {
  const what = 'Docker';
  const path = settings.dockerSocket;
  if (!existsSync(path))
    return ok(
      what,
      `no engine at ${path}`,
      'Apps with an image wait until there is one; --docker-socket names another place.',
    );
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
  } catch {
    return warn(
      what,
      `${path} is not for this user`,
      'Apps with an image wait: run as root, or as a user of the group that the socket belongs to.',
    );
  }
  return ok(what, `an engine's socket is at ${path}`);
}

function haproxy(settings: Settings): Finding[] {
  if (settings.lb !== 'haproxy') return [];
  if (settings.haproxyPath === undefined) return [tool('haproxy', 'haproxy', true)];
  return [
    existsSync(settings.haproxyPath)
      ? ok('haproxy', settings.haproxyPath)
      : bad('haproxy', `${settings.haproxyPath} does not exist`, 'Name the program with --haproxy-path.'),
  ];
}
