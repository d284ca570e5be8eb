import { writeFileSync } from 'node:fs';
import type { Timer } from '../../util/clock.js';
import type { Dice } from '../../util/ids.js';
import type { ContainerHost } from './container-host.js';
import { type ContainerRecords, readRecords } from './decide/record.js';
import { MAKE_AT_ONCE, MAKE_LIMIT_MS, REFILL_MS, rests, toMake } from './decide/warm-stock.js';
import { lives, textOf } from './processes.js';

/** How many containers wait for orders by default: enough for ten apps that are deployed at once. */
export const DEFAULT_WARM_CONTAINERS = 12;

export interface WarmPoolParts {
  /** How many containers are to wait; 0 = none. */
  readonly size: number;
  readonly dice: Dice;
  /** Makes a container's groups, without limits, and its folders. */
  readonly make: (id: string) => void;
  /** Asks for supervisors whose tasks wait for their orders. */
  readonly request: (ids: readonly string[]) => void;
  /** Ends one that nobody wants any more, without a word to anybody. */
  readonly discard: (id: string) => void;
  /** Launches that wait for their turn. */
  readonly queued: () => number;
  /** Launches whose programs have not started. */
  readonly starting: () => number;
}

interface Warm {
  readonly askedAtMs: number;
  /** Known once its process waits for orders. */
  records: ContainerRecords | undefined;
}

/**
 * Containers that are made before it is known what for: claimed, pipes open, process forked and in its cgroups (the first
 * move into a cgroup after a quiet time takes the kernel some 20 ms), waiting for orders.
 *
 * INVARIANTS
 * - An id is given out at most once, and only while its supervisor and its process are seen to live.
 * - Never more than `size` wait; one that dies, or is not made in time, is discarded whole.
 */
export class WarmPool {
  readonly #stock = new Map<string, Warm>();
  #timer: Timer | undefined;
  #failures = 0;
  #failedAtMs = 0;
  #started = false;

  constructor(
    private readonly host: ContainerHost,
    private readonly parts: WarmPoolParts,
  ) {}

  start(): void {
    this.#started = true;
    this.#refillAfter(0);
  }

  /** How many wait and can be given out. */
  get ready(): number {
    let count = 0;
    for (const { records } of this.#stock.values()) if (records) count++;
    return count;
  }

  /** The id of a container that waits, which from now on is the caller's; undefined when there is none. */
  take(): string | undefined {
    for (const [id, { records }] of this.#stock) {
      if (!records) continue;
      this.#stock.delete(id);
      this.#refillAfter(REFILL_MS);
      if (waits(records)) return id;
      this.#failed(id);
    }
    return undefined;
  }

  /** A record of this container changed. */
  observe(id: string): void {
    const warm = this.#stock.get(id);
    if (!warm) return;
    const { files } = this.host;
    const records = readRecords({
      supervisor: textOf(files.record(id, 'supervisor')),
      warm: textOf(files.record(id, 'warm')),
      exit: textOf(files.record(id, 'exit')),
    });
    if (records.exit) {
      this.#stock.delete(id);
      this.#failed(id);
      this.#refillAfter(REFILL_MS);
    } else if (records.waiting && typeof records.supervisor === 'object' && !warm.records) {
      warm.records = records;
      this.#failures = 0;
    }
  }

  /** Called every few seconds: notices those that died or never came to be. None is given out without a look. */
  tick(): void {
    const nowMs = this.host.clock.monotonicMs();
    for (const [id, { askedAtMs, records }] of this.#stock) {
      const sound = records ? waits(records) : nowMs - askedAtMs < MAKE_LIMIT_MS;
      if (sound) continue;
      this.#stock.delete(id);
      this.#failed(id);
    }
    if (this.#stock.size < this.parts.size) this.#refillAfter(0);
  }

  /** The launcher is a new one: it was not told of what the old one had not begun. */
  askAgain(): void {
    const ids = [...this.#stock].filter(([, { records }]) => !records).map(([id]) => id);
    if (ids.length > 0) this.parts.request(ids);
  }

  #failed(id: string): void {
    this.#failures++;
    this.#failedAtMs = this.host.clock.monotonicMs();
    this.host.log.debug('a container that waited for its launch is gone, or could not be made', {
      container: id,
    });
    this.parts.discard(id);
  }

  #refillAfter(ms: number): void {
    if (!this.#started || this.#timer || this.parts.size === 0) return;
    this.#timer = this.host.clock.after(ms, () => {
      this.#timer = undefined;
      this.#refill();
    });
  }

  #refill(): void {
    if (!this.#started) return;
    const nowMs = this.host.clock.monotonicMs();
    const { size } = this.parts;
    if (rests({ size, stock: this.#stock.size, starting: this.parts.starting() })) {
      this.#refillAfter(REFILL_MS);
      return;
    }
    const count = toMake({
      size,
      stock: this.#stock.size,
      queued: this.parts.queued(),
      failures: this.#failures,
      sinceFailureMs: nowMs - this.#failedAtMs,
    });
    const ids: string[] = [];
    if (count > MAKE_AT_ONCE) this.#refillAfter(0);
    for (let made = 0; made < Math.min(count, MAKE_AT_ONCE); made++) {
      const id = this.parts.dice.uuid();
      this.#stock.set(id, { askedAtMs: nowMs, records: undefined });
      try {
        this.parts.make(id);
        writeFileSync(this.host.files.record(id, 'warm'), '', { mode: 0o600 });
        ids.push(id);
      } catch (error) {
        this.host.log.warn('no container can be made in advance; launches are slower meanwhile', {
          error: (error as Error).message,
        });
        this.#stock.delete(id);
        this.#failed(id);
        break;
      }
    }
    if (ids.length > 0) this.parts.request(ids);
  }

  /** Makes no more and ends those that wait. */
  stop(): void {
    this.#started = false;
    this.#timer?.cancel();
    this.#timer = undefined;
    for (const id of this.#stock.keys()) this.parts.discard(id);
    this.#stock.clear();
  }
}

/** Whether supervisor and process of a container are there, waiting. */
function waits({ supervisor, waiting }: ContainerRecords): boolean {
  return typeof supervisor === 'object' && lives(supervisor) && waiting !== undefined && lives(waiting);
}
