import type { Response } from 'express';
import type { PublishedEvent } from '../../events/event-bus.js';
import { eventFrame, HEARTBEAT_FRAME, resetFrame } from './event-frame.js';

/** Bytes that may wait for one reader; a slower one is cut off and resumes by its last id. */
export const MAX_OUTSTANDING_BYTES = 4 * 1024 * 1024;
/** Bytes of replay that are handed over before the reader must have taken some. */
const REPLAY_CHUNK_BYTES = 256 * 1024;

/** Events on their way to all readers, in order. */
export interface Delivery {
  readonly events: readonly { readonly event: PublishedEvent; readonly frame: string }[];
  /** All their frames, made once for every reader that sees them all. */
  readonly bytes: Buffer;
}

/** Where a consumer reads what it missed. */
export interface EventHistory {
  position(): string;
  after(id: string): readonly PublishedEvent[] | undefined;
}

/**
 * One reader of the event stream. First it replays what came after its last id, at the reader's pace, then it passes
 * events on as they happen; between the two nothing is lost or doubled, because the switch happens in the same turn
 * in which the history has nothing more.
 *
 * INVARIANTS
 * - Frames go out in the order of the bus, each event at most once.
 * - At most MAX_OUTSTANDING_BYTES wait in memory; then the connection is closed, never an event skipped.
 */
export class EventConsumer {
  #live = false;
  #cursor: string | undefined;
  #backlog: readonly PublishedEvent[] = [];
  #next = 0;

  constructor(
    private readonly response: Response,
    private readonly types: ReadonlySet<string>,
    private readonly history: EventHistory,
    private readonly now: () => string,
    private readonly maxOutstandingBytes = MAX_OUTSTANDING_BYTES,
    /** The event as this reader may see it, or undefined; without it every event is shown whole. */
    private readonly view?: (event: PublishedEvent) => PublishedEvent | undefined,
  ) {}

  /** Begins live, or with the replay of what came after `lastEventId`. */
  begin(lastEventId: string | undefined): void {
    if (lastEventId === undefined) {
      this.#live = true;
      return;
    }
    this.#cursor = lastEventId;
    this.response.on('drain', () => this.#replay());
    this.#replay();
  }

  /** Events of the bus; while replaying they are in the history already. */
  offer({ events, bytes }: Delivery): void {
    if (!this.#live) return;
    if (this.types.size === 0 && this.view === undefined) {
      this.#write(bytes);
      return;
    }
    let frames = '';
    for (const { event, frame } of events) {
      const seen = this.#wants(event) ? this.#seen(event) : undefined;
      if (seen !== undefined) frames += seen === event ? frame : eventFrame(seen);
    }
    if (frames !== '') this.#write(frames);
  }

  heartbeat(): void {
    this.#write(HEARTBEAT_FRAME);
  }

  #seen(event: PublishedEvent): PublishedEvent | undefined {
    return this.view === undefined ? event : this.view(event);
  }

  #wants(event: PublishedEvent): boolean {
    return this.types.size === 0 || this.types.has(event.eventType);
  }

  #replay(): void {
    while (!this.#live && !this.response.destroyed) {
      if (this.#next >= this.#backlog.length && !this.#fetch()) return;
      const event = this.#backlog[this.#next++];
      if (event === undefined) continue;
      this.#cursor = event.id;
      const seen = this.#wants(event) ? this.#seen(event) : undefined;
      if (seen !== undefined) this.#write(eventFrame(seen));
      if (this.response.writableLength > REPLAY_CHUNK_BYTES) return;
    }
  }

  /** Reads on in the history; false when the consumer is live now. */
  #fetch(): boolean {
    const events = this.history.after(this.#cursor ?? '');
    this.#next = 0;
    this.#backlog = events ?? [];
    if (events !== undefined && events.length > 0) return true;
    if (events === undefined) this.#write(resetFrame(this.history.position(), this.now()));
    this.#live = true;
    return false;
  }

  #write(frames: string | Buffer): void {
    if (this.response.destroyed || this.response.writableEnded) return;
    this.response.write(frames);
    if (this.response.writableLength > this.maxOutstandingBytes) this.response.destroy();
  }
}
