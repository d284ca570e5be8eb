import type { TaskInfo } from '../../protocol/v1.js';

const LISTEN = '0A';

/** What a piece of /proc/net/tcp (or tcp6) says: the kernel lists all sockets that listen before any other. */
export interface ListeningHead {
  readonly ports: readonly number[];
  /** Whether the list of those that listen ends within the text. */
  readonly complete: boolean;
  /** The line that the text ends in the middle of; the next piece goes on with it. */
  readonly rest: string;
}

/** Reads whole lines of /proc/net/tcp (proc(5): local address in the second field, state in the fourth). */
export function listeningHead(text: string): ListeningHead {
  const ports: number[] = [];
  const lines = text.split('\n');
  const rest = lines.pop() ?? '';
  for (const line of lines) {
    const [slot, local, , state] = line.trim().split(/\s+/);
    if (slot === 'sl') continue;
    if (state !== LISTEN) return { ports, complete: true, rest: '' };
    const port = Number.parseInt(local?.split(':')[1] ?? '', 16);
    if (Number.isInteger(port)) ports.push(port);
  }
  return { ports, complete: false, rest };
}

/** Which of the listening ports are among those that were given to a task (those that it says are for UDP left out). */
export function takenPorts(
  task: Pick<TaskInfo, 'resources' | 'discovery'>,
  listening: readonly number[],
): readonly number[] {
  const ranges = task.resources
    .filter(({ name }) => name === 'ports')
    .flatMap(({ ranges: list }) => list?.range ?? []);
  const datagrams = new Set(
    (task.discovery?.ports?.ports ?? [])
      .filter(({ protocol }) => protocol === 'udp')
      .map(({ number }) => number),
  );
  const taken = listening.filter(
    (port) => !datagrams.has(port) && ranges.some(({ begin, end }) => begin <= port && port <= end),
  );
  return [...new Set(taken)].sort((a, b) => a - b);
}

/** Whether a task was given ports at all. */
export function hasPorts(task: Pick<TaskInfo, 'resources'>): boolean {
  return task.resources.some(({ name, ranges }) => name === 'ports' && (ranges?.range.length ?? 0) > 0);
}
