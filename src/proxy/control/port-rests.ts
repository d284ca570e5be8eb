import type { AgentId } from '../../scheduler/instance.js';
import type { LeftPort } from './table-book.js';

/** A freed host port rests at most so long, even when a leased proxy never confirms. */
export const PORT_REST_MS = 30_000;

interface Rest {
  readonly key: string;
  readonly version: number;
  readonly untilMs: number;
}

/** Host ports that left the table and may still be dialled by a proxy that has not confirmed it. */
export class PortRests {
  /** Number of rests per `<agentId> <port>`. */
  readonly #resting = new Map<string, number>();
  /** In the order of their versions and of their ends. */
  #queue: Rest[] = [];
  #front = 0;

  add(ports: readonly LeftPort[], version: number, nowMs: number): void {
    for (const { agentId, port } of ports) {
      const key = `${agentId} ${port}`;
      this.#resting.set(key, (this.#resting.get(key) ?? 0) + 1);
      this.#queue.push({ key, version, untilMs: nowMs + PORT_REST_MS });
    }
  }

  /** Lets go what all leased proxies have confirmed, and what rested long enough. */
  release(confirmed: number, nowMs: number): void {
    while (this.#front < this.#queue.length) {
      const rest = this.#queue[this.#front];
      if (!rest || (rest.version > confirmed && rest.untilMs > nowMs)) break;
      this.#front += 1;
      const count = (this.#resting.get(rest.key) ?? 1) - 1;
      if (count > 0) this.#resting.set(rest.key, count);
      else this.#resting.delete(rest.key);
    }
    if (this.#front > 256 && this.#front * 2 > this.#queue.length) {
      this.#queue = this.#queue.slice(this.#front);
      this.#front = 0;
    }
  }

  has(agentId: AgentId, port: number): boolean {
    return this.#resting.has(`${agentId} ${port}`);
  }

  get size(): number {
    return this.#resting.size;
  }
}
