import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

const LISTEN = '0A';

/** Socket inodes that listen on a TCP port of this host (any address), from /proc/net/tcp and tcp6. */
function listeningInodes(port: number): Set<string> {
  const wanted = port.toString(16).toUpperCase().padStart(4, '0');
  const inodes = new Set<string>();
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    let text: string;
    try {
      text = readFileSync(table, 'utf8');
    } catch {
      continue;
    }
    for (const line of text.split('\n').slice(1)) {
      const fields = line.trim().split(/\s+/);
      if (fields[1]?.endsWith(`:${wanted}`) && fields[3] === LISTEN && fields[9]) inodes.add(fields[9]);
    }
  }
  return inodes;
}

/**
 * Who listens on a TCP port, in words: `node (pid 4711)`, `a process of another user`, or undefined when nobody does.
 */
export function portOwner(port: number): string | undefined {
  const inodes = listeningInodes(port);
  if (inodes.size === 0) return undefined;
  for (const pid of readdirSync('/proc')) {
    if (!/^\d+$/.test(pid) || !socketsOf(pid).some((inode) => inodes.has(inode))) continue;
    return `${nameOf(pid)} (pid ${pid})`;
  }
  return 'a process of another user';
}

/** Inodes of the sockets that a process holds; none when it is not ours to see, or has ended meanwhile. */
function socketsOf(pid: string): string[] {
  return read(() => readdirSync(`/proc/${pid}/fd`), []).flatMap((fd) => {
    // Each by itself: the one that this listing was read by is closed already.
    const target = read(() => readlinkSync(`/proc/${pid}/fd/${fd}`), '');
    return /^socket:\[(\d+)\]$/.exec(target)?.[1] ?? [];
  });
}

function nameOf(pid: string): string {
  return read(() => readFileSync(`/proc/${pid}/comm`, 'utf8').trim(), 'a process');
}

function read<T>(reading: () => T, otherwise: T): T {
  try {
    return reading();
  } catch {
    return otherwise;
  }
}
