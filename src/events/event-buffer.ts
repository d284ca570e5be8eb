import type { Log } from '../logging/log.js';
import type { Clock } from '../util/clock.js';
import { timestamp } from '../util/timestamp.js';
import type { EventBody, EventBus, PublishedEvent } from './event-bus.js';

/** How far a client may fall behind and still resume: so many events, and so many bytes of JSON. */
export const EVENT_CAPACITY = 10_000;
export const EVENT_CAPACITY_BYTES = 16 * 1024 * 1024;

export interface EventBufferOptions {
  /** Grows with every server start; part of every id. */
  readonly epoch: number;
  readonly clock: Clock;
  readonly log: Log;
  readonly capacity?: number;
  readonly capacityBytes?: number;
}

/**
 * The bus and its memory: each event is serialised once, numbered, told to all subscribers and kept for those who resume.
 *
 * INVARIANTS
 * - Sequence numbers start at 1 and have no gaps; the buffer always holds a gap-free tail.
 * - Every subscriber hears the events in the order of their numbers, also when a subscriber publishes.
 * - Never more than `capacity` events or `capacityBytes` bytes are kept, except that the newest one always is.
 */
export class EventBuffer implements EventBus {
  readonly #capacity: number;
  readonly #capacityBytes: number;
  readonly #listeners = new Set<(event: PublishedEvent) => void>();
  /** Slot of event n is `n % capacity`. */
  readonly #ring: (PublishedEvent | undefined)[] = [];
  #oldest = 1;
  #newest = 0;
  #bytes = 0;
  /** Published while subscribers are being told; empty otherwise. */
  #untold: PublishedEvent[] = [];
  #telling = false;

  constructor(private readonly options: EventBufferOptions) {
    this.#capacity = Math.max(1, options.capacity ?? EVENT_CAPACITY);
    this.#capacityBytes = options.capacityBytes ?? EVENT_CAPACITY_BYTES;
  }

  publish(body: EventBody): void {
    const { epoch, clock } = this.options;
    const json = JSON.stringify({ ...body, timestamp: timestamp(clock.wallMs()) });
    const seq = this.#newest + 1;
    const event: PublishedEvent = { id: `${epoch}-${seq}`, eventType: body.eventType, json };
    const bytes = Buffer.byteLength(json);
    while (this.#size > 0 && (this.#size >= this.#capacity || this.#bytes + bytes > this.#capacityBytes)) {
      this.#drop();
    }
    this.#ring[seq % this.#capacity] = event;
    this.#newest = seq;
    this.#bytes += bytes;
    this.#untold.push(event);
    if (!this.#telling) this.#tell();
  }

  position(): string {
    return `${this.options.epoch}-${this.#newest}`;
  }

  after(id: string): readonly PublishedEvent[] | undefined {
    const [, epoch, seq] = /^(\d{1,15})-(\d{1,15})$/.exec(id) ?? [];
    if (epoch === undefined || seq === undefined || Number(epoch) !== this.options.epoch) return undefined;
    const last = Number(seq);
    if (last > this.#newest || last < this.#oldest - 1) return undefined;
    const events: PublishedEvent[] = [];
    for (let next = last + 1; next <= this.#newest; next++) {
      const event = this.#ring[next % this.#capacity];
      if (event) events.push(event);
    }
    return events;
  }

  subscribe(listener: (event: PublishedEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  get #size(): number {
    return this.#newest - this.#oldest + 1;
  }

  #drop(): void {
    const slot = this.#oldest % this.#capacity;
    this.#bytes -= Buffer.byteLength(this.#ring[slot]?.json ?? '');
    this.#ring[slot] = undefined;
    this.#oldest++;
  }

  #tell(): void {
    this.#telling = true;
    for (let next = 0; next < this.#untold.length; next++) {
      const event = this.#untold[next];
      if (!event) continue;
      for (const listener of this.#listeners) {
        try {
          listener(event);
        } catch (error) {
          this.options.log.error('a subscriber failed on an event; the others are told', {
            event: event.id,
            error,
          });
        }
      }
    }
    this.#untold = [];
    this.#telling = false;
  }
}
