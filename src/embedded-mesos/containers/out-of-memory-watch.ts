import { setImmediate as turn } from 'node:timers/promises';
import type { Clock, Timer } from '../../util/clock.js';
import { parseOomKills } from './decide/proc-text.js';
import type { Isolation } from './isolation/isolation.js';
import { textOf } from './processes.js';

const LOOK_MS = 250;
/** Containers looked at in one turn of the event loop: some 15 microseconds each. */
const SLICE = 200;

/**
 * Notices out-of-memory kills inside running containers, children of the task's shell included. Reads the host's one counter
 * four times a second; only when that has moved (or the kernel has none) are the containers' own counters read.
 */
export class OutOfMemoryWatch {
  #timer: Timer | undefined;
  #hostKills: number | undefined;
  #looking = false;

  constructor(
    private readonly isolation: Isolation,
    private readonly running: () => Iterable<string>,
    private readonly onKill: (id: string) => void,
    private readonly clock: Clock,
  ) {}

  start(): void {
    if (this.isolation.kind === 'process-group') return;
    this.#hostKills = this.#count();
    this.#timer = this.clock.every(LOOK_MS, () => void this.#look());
  }

  #count(): number | undefined {
    return parseOomKills(textOf('/proc/vmstat') ?? '');
  }

  async #look(): Promise<void> {
    if (this.#looking) return;
    const kills = this.#count();
    if (kills !== undefined && kills === this.#hostKills) return;
    this.#hostKills = kills;
    this.#looking = true;
    try {
      let inSlice = 0;
      for (const id of [...this.running()]) {
        if (!this.#timer) return;
        if (this.isolation.oomKills(id) > 0) this.onKill(id);
        if (++inSlice % SLICE === 0) await turn();
      }
    } finally {
      this.#looking = false;
    }
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }
}
