import type { Request, Response } from 'express';
import type { Access } from '../../auth/access.js';
import type { TokenBook } from '../../auth/token-book.js';
import { CatalogError } from '../../errors/registry.js';
import type { EventBus, PublishedEvent } from '../../events/event-bus.js';
import type { Clock, Timer } from '../../util/clock.js';
import { timestamp } from '../../util/timestamp.js';
import type { ApiMetrics } from '../api-context.js';
import { visibleEvent } from '../decide/event-view.js';
import { type Delivery, EventConsumer, type EventHistory, MAX_OUTSTANDING_BYTES } from './event-consumer.js';
import { eventFrame, positionFrame } from './event-frame.js';

/** Most readers at once. */
const MAX_STREAMS = 1_000;
const HEARTBEAT_MS = 10_000;
/** At most one part in so many of the time is spent on handing events to readers; meanwhile they gather. */
const DELIVERY_SHARE = 5;
const LONGEST_GATHERING_MS = 50;
/** So much text is handed over without waiting for more. */
const GATHERED_CHARACTERS = 256 * 1024;

/** What one reader asked for. */
export interface StreamRequest {
  /** Event types to pass on; empty = all. */
  readonly types: ReadonlySet<string>;
  readonly lastEventId: string | undefined;
  /** What the reader may see; the stream lasts no longer than its token. */
  readonly access: Access;
}

interface Options {
  readonly events: EventBus;
  readonly clock: Clock;
  readonly metrics: ApiMetrics;
  readonly maxOutstandingBytes?: number;
  readonly tokens?: Pick<TokenBook, 'onRevoked' | 'isAlive'>;
}

/**
 * All readers of `/v2/events`: one subscription to the bus, one frame per event, one heartbeat. An event goes out at the end
 * of the turn in which it happens; with many readers and many events at a time they gather for some milliseconds and go out
 * in one piece, made once for all.
 *
 * INVARIANT: whoever reads the history or the position finds nothing gathered that it would hear of once more.
 */
export class EventHub {
  readonly #consumers = new Map<Response, EventConsumer>();
  /** Readers that came with a token, by its id. */
  readonly #byToken = new Map<string, Set<Response>>();
  readonly #forgetTokens: (() => void) | undefined;
  /** Bodies of events, parsed once for all readers that see a part. */
  readonly #bodies = new WeakMap<PublishedEvent, Readonly<Record<string, unknown>>>();
  readonly #unsubscribe: () => void;
  readonly #heartbeat: Timer;
  readonly #sentBytes: { inc(by?: number): void };
  readonly #history: EventHistory;
  #gathered: { readonly event: PublishedEvent; readonly frame: string }[] = [];
  #gatheredCharacters = 0;
  #delivery: Timer | 'at the end of this turn' | undefined;
  #quietUntilMs = 0;
  #stopped = false;

  constructor(private readonly options: Options) {
    const { events, clock, metrics } = options;
    metrics.gauge('http.event-streams.active.gauge', () => this.#consumers.size);
    this.#sentBytes = metrics.counter('http.responses.event-stream.size.counter.bytes');
    this.#unsubscribe = events.subscribe((event) => this.#publish(event));
    this.#history = {
      position: () => events.position(),
      after: (id) => {
        this.#deliver();
        return events.after(id);
      },
    };
    this.#forgetTokens = options.tokens?.onRevoked((tokenId) => this.#endStreamsOf(tokenId));
    this.#heartbeat = clock.every(HEARTBEAT_MS, () => {
      for (const tokenId of this.#byToken.keys())
        if (!options.tokens?.isAlive(tokenId)) this.#endStreamsOf(tokenId);
      for (const consumer of this.#consumers.values()) consumer.heartbeat();
    });
  }

  get size(): number {
    return this.#consumers.size;
  }

  /** Turns a request into a stream that ends with its connection or with `stop`. */
  attach(request: Request, response: Response, { types, lastEventId, access }: StreamRequest): void {
    if (this.#stopped || this.#consumers.size >= MAX_STREAMS) throw new CatalogError('too-busy');
    const { events, clock } = this.options;
    const remoteAddress = request.socket.remoteAddress ?? '';
    this.#deliver();
    const position = events.position();
    response.statusCode = 200;
    response.setHeader('Content-Type', 'text/event-stream; charset=utf-8');
    response.setHeader('X-Event-Position', position);
    response.setHeader('X-Accel-Buffering', 'no');
    request.socket.setNoDelay(true);
    request.socket.setTimeout(0);
    if (lastEventId === undefined) response.write(positionFrame(position));
    else response.flushHeaders();
    const consumer = new EventConsumer(
      response,
      types,
      this.#history,
      () => timestamp(clock.wallMs()),
      this.options.maxOutstandingBytes ?? MAX_OUTSTANDING_BYTES,
      access.seesAll ? undefined : (event) => this.#visible(event, access),
    );
    const { tokenId } = access.principal;
    if (tokenId !== undefined) this.#tokenStreams(tokenId).add(response);
    this.#consumers.set(response, consumer);
    const writtenBefore = request.socket.bytesWritten;
    response.once('close', () => {
      this.#consumers.delete(response);
      if (tokenId !== undefined) this.#forgetStream(tokenId, response);
      this.#sentBytes.inc(Math.max(0, request.socket.bytesWritten - writtenBefore));
      if (!this.#stopped) events.publish({ eventType: 'event_stream_detached', remoteAddress });
    });
    consumer.begin(lastEventId);
    events.publish({ eventType: 'event_stream_attached', remoteAddress });
  }

  /** Ends every stream; afterwards none can be attached. */
  stop(): void {
    this.#deliver();
    this.#stopped = true;
    this.#unsubscribe();
    this.#forgetTokens?.();
    this.#heartbeat.cancel();
    for (const response of this.#consumers.keys()) response.end();
    this.#consumers.clear();
    this.#byToken.clear();
  }

  #tokenStreams(tokenId: string): Set<Response> {
    const streams = this.#byToken.get(tokenId) ?? new Set();
    this.#byToken.set(tokenId, streams);
    return streams;
  }

  #forgetStream(tokenId: string, response: Response): void {
    const streams = this.#byToken.get(tokenId);
    streams?.delete(response);
    if (streams?.size === 0) this.#byToken.delete(tokenId);
  }

  /** The token is gone: not one event more. */
  #endStreamsOf(tokenId: string): void {
    const streams = this.#byToken.get(tokenId) ?? [];
    this.#byToken.delete(tokenId);
    for (const response of streams) {
      this.#consumers.delete(response);
      response.end();
    }
  }

  #visible(event: PublishedEvent, access: Access): PublishedEvent | undefined {
    let body = this.#bodies.get(event);
    if (body === undefined) {
      body = JSON.parse(event.json) as Readonly<Record<string, unknown>>;
      this.#bodies.set(event, body);
    }
    const seen = visibleEvent(body, access);
    if (seen === undefined || seen === body) return seen === undefined ? undefined : event;
    return { ...event, json: JSON.stringify(seen) };
  }

  #publish(event: PublishedEvent): void {
    if (this.#consumers.size === 0) return;
    const frame = eventFrame(event);
    this.#gathered.push({ event, frame });
    this.#gatheredCharacters += frame.length;
    if (this.#gatheredCharacters >= GATHERED_CHARACTERS) this.#deliver();
    else if (!this.#delivery) this.#arrangeDelivery();
  }

  #arrangeDelivery(): void {
    const { clock } = this.options;
    const waitMs = this.#quietUntilMs - clock.monotonicMs();
    if (waitMs > 0) {
      this.#delivery = clock.after(waitMs, () => this.#deliver());
      return;
    }
    this.#delivery = 'at the end of this turn';
    queueMicrotask(() => this.#deliver());
  }

  #deliver(): void {
    if (typeof this.#delivery === 'object') this.#delivery.cancel();
    this.#delivery = undefined;
    if (this.#gathered.length === 0) return;
    const { clock } = this.options;
    const startedMs = clock.monotonicMs();
    const events = this.#gathered;
    this.#gathered = [];
    this.#gatheredCharacters = 0;
    const delivery: Delivery = { events, bytes: Buffer.from(events.map(({ frame }) => frame).join('')) };
    for (const consumer of this.#consumers.values()) consumer.offer(delivery);
    const rest = (): void => {
      const endedMs = clock.monotonicMs();
      const gatheringMs = Math.min(LONGEST_GATHERING_MS, (endedMs - startedMs) * (DELIVERY_SHARE - 1));
      this.#quietUntilMs = endedMs + gatheringMs;
    };
    rest();
    // A response hands what it was given to its socket in the next tick: that is most of the work, and counts too.
    process.nextTick(rest);
  }
}
