import { type FileHandle, open } from 'node:fs/promises';
import type { Clock } from '../../util/clock.js';
import type { TaskInfo } from '../protocol/v1.js';
import { hasPorts, listeningHead, takenPorts } from './decide/listening-ports.js';

/** One answer serves all launches of a moment: this long, or longer where the kernel takes longer to tell. */
const FRESH_MS = 20;
const FRESH_TIMES_COST = 10;
/** Asked for at once; the kernel may give less, which is asked for again. */
const SLICE_BYTES = 64 * 1024;
/** Of each table this much at most is read: some 56 000 listening sockets. */
const MAX_BYTES = 8 * 1024 * 1024;
/** So long a launch waits for its ports to become free (their last user may be about to go), looking this often. */
const PORTS_WAIT_MS = 2_000;
const PORTS_LOOK_MS = 50;

/**
 * The TCP ports of this host on which anybody listens. Only the heads of the kernel's tables are read, which is cheap
 * however many connections there are, and in slices, so that nothing waits for it.
 */
export class ListeningPorts {
  #answer: Promise<readonly number[]> = Promise.resolve([]);
  #freshUntilMs = Number.NEGATIVE_INFINITY;

  constructor(private readonly clock: Clock) {}

  /** The ports as they are now, or were a moment ago. */
  now(): Promise<readonly number[]> {
    if (this.clock.monotonicMs() < this.#freshUntilMs) return this.#answer;
    this.#freshUntilMs = Number.POSITIVE_INFINITY;
    this.#answer = this.#read();
    return this.#answer;
  }

  /**
   * Ports of a task on which another program listens, after some time for that to end; normally none, at once. `wanted`: whether
   * that still matters to anybody.
   */
  async takenBefore(task: TaskInfo, wanted: () => boolean): Promise<readonly number[]> {
    if (!hasPorts(task)) return [];
    const untilMs = this.clock.monotonicMs() + PORTS_WAIT_MS;
    for (;;) {
      const taken = takenPorts(task, await this.now());
      if (taken.length === 0 || this.clock.monotonicMs() >= untilMs) return taken;
      if (!wanted()) return [];
      await new Promise<void>((again) => this.clock.after(PORTS_LOOK_MS, again));
    }
  }

  async #read(): Promise<readonly number[]> {
    const beganMs = this.clock.monotonicMs();
    try {
      return [...(await readHead('/proc/net/tcp')), ...(await readHead('/proc/net/tcp6'))];
    } finally {
      const endedMs = this.clock.monotonicMs();
      this.#freshUntilMs = endedMs + Math.max(FRESH_MS, (endedMs - beganMs) * FRESH_TIMES_COST);
    }
  }
}

async function readHead(path: string): Promise<readonly number[]> {
  let table: FileHandle;
  try {
    table = await open(path, 'r');
  } catch {
    // No such protocol on this host (IPv6 may be off), hence nobody listens with it.
    return [];
  }
  try {
    const ports: number[] = [];
    const buffer = Buffer.alloc(SLICE_BYTES);
    let text = '';
    for (let bytes = 0; bytes < MAX_BYTES; ) {
      const { bytesRead } = await table.read(buffer, 0, SLICE_BYTES, null);
      bytes += bytesRead;
      text += buffer.toString('latin1', 0, bytesRead);
      const head = listeningHead(text);
      ports.push(...head.ports);
      if (head.complete || bytesRead === 0) return ports;
      text = head.rest;
    }
    return ports;
  } finally {
    await table.close();
  }
}
