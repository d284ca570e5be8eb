import { type FSWatcher, watch } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import type { Clock, Timer } from '../../util/clock.js';
import { parseFlatKeyed, parseOomKills } from './decide/proc-text.js';
import type { Isolation } from './isolation/isolation.js';
import { textOf } from './processes.js';

/** Containers looked at in one turn of the event loop: some 15 microseconds each. */
const SLICE = 200;
/** A task that lives at its limit makes the kernel tell news of its memory all the time. */
const NEWS_PAUSE_MS = 50;

/**
 * Notices out-of-memory kills inside running containers, children of the task's shell included. Where the kernel tells of them
 * (version 2: one file for all containers) they are noticed at once. In any case the host's one counter is read at each tick while
 * anything runs; only when that has moved (or the kernel has none) are the containers' own counters read. Who is killed whole
 * needs none of it: the counter is read once more when a container ends.
 */
export class OutOfMemoryWatch {
  #watcher: FSWatcher | undefined;
  #started = false;
  #news: Timer | undefined;
  #toldKills: number | undefined;
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
    this.#started = true;
    this.#hostKills = this.#count();
    const { memoryEvents } = this.isolation;
    if (memoryEvents === undefined) return;
    try {
      this.#watcher = watch(memoryEvents, { persistent: false }, () => {
        this.#news ??= this.clock.after(NEWS_PAUSE_MS, () => this.#heard(memoryEvents));
      });
      this.#watcher.on('error', () => this.#unwatch());
    } catch {
      // No watch to be had: the ticks see to it.
    }
  }

  #count(): number | undefined {
    return parseOomKills(textOf('/proc/vmstat') ?? '');
  }

  #heard(memoryEvents: string): void {
    this.#news = undefined;
    const kills = parseFlatKeyed(textOf(memoryEvents) ?? '').get('oom_kill');
    if (kills === this.#toldKills || this.#looking) return;
    this.#toldKills = kills;
    void this.#look();
  }

  /** To be called about once a second. */
  tick(): void {
    if (!this.#started || this.#looking) return;
    for (const _id of this.running()) {
      const kills = this.#count();
      if (kills === undefined || kills !== this.#hostKills) void this.#look();
      this.#hostKills = kills;
      return;
    }
  }

  async #look(): Promise<void> {
    this.#looking = true;
    try {
      let inSlice = 0;
      for (const id of [...this.running()]) {
        if (!this.#started) return;
        if (this.isolation.oomKills(id) > 0) this.onKill(id);
        if (++inSlice % SLICE === 0) await turn();
      }
    } finally {
      this.#looking = false;
    }
  }

  #unwatch(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
  }

  stop(): void {
    this.#started = false;
    this.#news?.cancel();
    this.#unwatch();
  }
}
