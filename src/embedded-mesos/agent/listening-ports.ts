import { closeSync, openSync, readSync } from 'node:fs';
import type { Clock } from '../../util/clock.js';
import { listeningHead } from './decide/listening-ports.js';

/** One answer serves all launches of a moment. */
const FRESH_MS = 20;
/** Of each table this much at most is read: some 1 700 listening sockets. */
const MAX_BYTES = 256 * 1024;

/**
 * The TCP ports of this host on which anybody listens. Only the heads of the kernel's tables are read, which is cheap
 * however many connections there are.
 */
export class ListeningPorts {
  #ports: readonly number[] = [];
  #readAtMs = Number.NEGATIVE_INFINITY;

  constructor(private readonly clock: Clock) {}

  now(): readonly number[] {
    const nowMs = this.clock.monotonicMs();
    if (nowMs - this.#readAtMs < FRESH_MS) return this.#ports;
    this.#readAtMs = nowMs;
    this.#ports = ['/proc/net/tcp', '/proc/net/tcp6'].flatMap(readHead);
    return this.#ports;
  }
}

function readHead(path: string): readonly number[] {
  let table: number;
  try {
    table = openSync(path, 'r');
  } catch {
    // No such protocol on this host (IPv6 may be off), hence nobody listens with it.
    return [];
  }
  try {
    const buffer = Buffer.alloc(MAX_BYTES);
    let bytes = 0;
    for (;;) {
      const got = readSync(table, buffer, bytes, Math.min(16 * 1024, MAX_BYTES - bytes), null);
      bytes += got;
      const head = listeningHead(buffer.toString('latin1', 0, bytes));
      if (got === 0 || head.complete || bytes === MAX_BYTES) return head.ports;
    }
  } finally {
    closeSync(table);
  }
}
