import type { Log } from '../../logging/log.js';
import type { Clock, Timer } from '../../util/clock.js';
import type { Call, Event, SchedulerDriver } from '../protocol/v1.js';
import type { EventSink } from './cluster.js';

/** Most events that may wait for a scheduler; one that falls further behind is disconnected. */
export const MAX_WAITING_EVENTS = 200_000;
/** Most events delivered in one turn, so that the loop breathes. */
const EVENTS_PER_TURN = 128;
const DELIVERY_SLICE_MS = 4;

type Handlers = Parameters<SchedulerDriver['start']>[0];

/** What a driver needs of its master. */
export interface CallReceiver {
  handle(sink: EventSink, call: Call): void;
  disconnected(sink: EventSink): void;
}

/**
 * The scheduler's line to the embedded master, without a wire between.
 *
 * INVARIANTS
 * - Events arrive one at a time, in the order they were sent, never while a call is being handled.
 * - After `stop`, or after the line broke, no event arrives any more; `start` opens a new line.
 */
export class InProcessDriver implements SchedulerDriver {
  #line: Line | undefined;

  constructor(
    private readonly master: CallReceiver,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {}

  start(handlers: Handlers): void {
    this.stop();
    const line: Line = new Line(handlers, this.clock, this.log, (reason) => {
      if (this.#line === line) this.#line = undefined;
      if (reason) this.log.warn('the line to a scheduler broke', { reason });
      this.master.disconnected(line);
    });
    this.#line = line;
  }

  call(call: Call): void {
    const line = this.#line;
    if (!line) return;
    try {
      this.master.handle(line, call);
    } catch (error) {
      this.log.error('a call failed; it had no further effect', { type: call.type, error: stackOf(error) });
    }
  }

  stop(): void {
    const line = this.#line;
    this.#line = undefined;
    if (!line) return;
    line.cut();
    this.master.disconnected(line);
  }
}

class Line implements EventSink {
  #queue: Event[] = [];
  #next = 0;
  #isScheduled = false;
  #isClosing = false;
  #isCut = false;
  #timer: Timer | undefined;

  constructor(
    private readonly handlers: Handlers,
    private readonly clock: Clock,
    private readonly log: Log,
    private readonly broken: (reason?: string) => void,
  ) {}

  send(event: Event): void {
    if (this.#isClosing || this.#isCut) return;
    if (this.#queue.length - this.#next >= MAX_WAITING_EVENTS) {
      this.#queue = [];
      this.#next = 0;
      this.#isClosing = true;
      this.broken('too many events wait');
    } else this.#queue.push(event);
    this.#schedule();
  }

  close(): void {
    this.#isClosing = true;
    this.#schedule();
  }

  /** Nothing is delivered any more. */
  cut(): void {
    this.#isCut = true;
    this.#queue = [];
    this.#timer?.cancel();
  }

  #schedule(): void {
    if (this.#isScheduled || this.#isCut) return;
    this.#isScheduled = true;
    queueMicrotask(() => this.#deliver());
  }

  #deliver(): void {
    const endMs = this.clock.monotonicMs() + DELIVERY_SLICE_MS;
    for (let count = 0; count < EVENTS_PER_TURN && !this.#isCut; count++) {
      if (count > 0 && this.clock.monotonicMs() >= endMs) break;
      const event = this.#queue[this.#next];
      if (!event) {
        this.#ended();
        return;
      }
      this.#next++;
      this.#hand(event);
    }
    if (this.#isCut) return;
    this.#queue = this.#queue.slice(this.#next);
    this.#next = 0;
    this.#timer = this.clock.after(0, () => this.#deliver());
  }

  #hand(event: Event): void {
    try {
      this.handlers.onEvent(event);
    } catch (error) {
      this.log.error('the scheduler failed at an event; the event is lost', {
        type: event.type,
        error: stackOf(error),
      });
    }
  }

  #ended(): void {
    this.#isScheduled = false;
    this.#queue = [];
    this.#next = 0;
    if (!this.#isClosing || this.#isCut) return;
    this.#isCut = true;
    this.broken();
    this.handlers.onDisconnected();
  }
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
