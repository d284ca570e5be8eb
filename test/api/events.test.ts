import { type ClientRequest, request as httpRequest } from 'node:http';
import type { Request, Response } from 'express';
import fc from 'fast-check';
import { EventConsumer } from '../../src/api/event-stream/event-consumer.js';
import { eventFrame } from '../../src/api/event-stream/event-frame.js';
import { EventHub } from '../../src/api/event-stream/event-hub.js';
import { VirtualClock } from '../../src/util/virtual-clock.js';
import { waitFor } from '../support/wait-for.js';
import { ApiWorld } from './support/api-world.js';
import { FakeEvents, FakeMetrics } from './support/fakes.js';

interface Frame {
  readonly id?: string;
  readonly event?: string;
  readonly data?: string;
}

/** A client of the stream that keeps the frames it got. */
class Stream {
  text = '';
  closed = false;
  status = 0;
  readonly #request: ClientRequest;

  constructor(url: string, headers: Record<string, string> = {}) {
    this.#request = httpRequest(
      url,
      { headers: { accept: 'text/event-stream', ...headers }, agent: false },
      (response) => {
        this.status = response.statusCode ?? 0;
        response.on('data', (chunk: Buffer) => {
          this.text += chunk.toString();
        });
        response.on('close', () => {
          this.closed = true;
        });
        response.on('error', () => {
          this.closed = true;
        });
      },
    );
    this.#request.on('error', () => {
      this.closed = true;
    });
    this.#request.end();
  }

  get frames(): Frame[] {
    const complete = this.text.split('\n\n').slice(0, -1);
    return complete
      .map(
        (text) =>
          Object.fromEntries(text.split('\n').map((line) => line.split(/: (.*)/s).slice(0, 2))) as Frame,
      )
      .filter((frame) => frame.event !== undefined);
  }

  get types(): (string | undefined)[] {
    return this.frames.map(({ event }) => event);
  }

  async open(): Promise<this> {
    await waitFor(() => this.text !== '', { what: 'the first bytes of the stream' });
    return this;
  }

  close(): void {
    this.#request.destroy();
  }
}

describe('the event stream', () => {
  let world: ApiWorld;
  let clock: VirtualClock;
  const streams: Stream[] = [];
  const open = (path = '', headers = {}): Promise<Stream> => {
    const stream = new Stream(`${world.url}/v2/events${path}`, headers);
    streams.push(stream);
    return stream.open();
  };
  beforeEach(async () => {
    clock = new VirtualClock();
    world = await new ApiWorld().start({ clock });
  });
  afterEach(async () => {
    for (const stream of streams.splice(0)) stream.close();
    await world.stop();
  });

  it('passes events on as they happen, with ids, and tells who is attached', async () => {
    const stream = await open();
    world.events.publish({ eventType: 'deployment_success', id: 'd1' });
    await waitFor(() => stream.frames.length === 2);
    expect(stream.text).toMatch(/^id: 7-0\n\n/);
    expect(stream.frames[0]).toMatchObject({ id: '7-1', event: 'event_stream_attached' });
    expect(stream.frames[1]).toMatchObject({ id: '7-2', event: 'deployment_success' });
    expect(JSON.parse(stream.frames[1]?.data ?? '')).toMatchObject({
      eventType: 'deployment_success',
      id: 'd1',
    });
    stream.close();
    await waitFor(() => world.events.types().includes('event_stream_detached'));
    expect(world.metrics.gauges.get('http.event-streams.active.gauge')?.()).toBe(0);
  });

  it('passes on only the types asked for', async () => {
    const stream = await open('?event_type=deployment_info&event_type=deployment_success&plan-format=light');
    for (const eventType of ['deployment_info', 'app_terminated_event', 'deployment_success'] as const)
      world.events.publish({ eventType });
    await waitFor(() => stream.frames.length === 2);
    expect(stream.types).toEqual(['deployment_info', 'deployment_success']);
  });

  it.each<[string, string, Record<string, string>]>([
    ['Last-Event-ID', '', { 'last-event-id': '7-1' }],
    ['lastEventId', '?lastEventId=7-1', {}],
  ])('resumes after %s, then goes on live', async (_name, query, headers) => {
    for (const id of ['a', 'b', 'c']) world.events.publish({ eventType: 'deployment_success', id });
    const stream = await open(query, headers);
    world.events.publish({ eventType: 'deployment_success', id: 'd' });
    await waitFor(() => stream.frames.length === 4);
    expect(stream.frames.map(({ id }) => id)).toEqual(['7-2', '7-3', '7-4', '7-5']);
  });

  it.each(['6-1', '7-999', 'nonsense', '7-0'])(
    'says reset when %s is out of reach, then goes on live',
    async (lastEventId) => {
      for (let count = 0; count < 150; count++) world.events.publish({ eventType: 'deployment_success' });
      const stream = await open('', { 'last-event-id': lastEventId });
      world.events.publish({ eventType: 'deployment_info' });
      await waitFor(() => stream.frames.length === 3);
      expect(stream.frames[0]).toMatchObject({ id: '7-150', event: 'reset' });
      expect(stream.types).toEqual(['reset', 'event_stream_attached', 'deployment_info']);
    },
  );

  it('sends a heartbeat every 10 s', async () => {
    const stream = await open();
    clock.advance(10_000);
    clock.advance(10_000);
    await waitFor(() => stream.text.split(': heartbeat').length === 3);
  });

  it('ends cleanly when the API stops, and takes nobody new', async () => {
    const stream = await open();
    await world.stopApi();
    await waitFor(() => stream.closed);
    expect(clock.untilNext()).toBeUndefined();
    expect(world.events.listeners.size).toBe(0);
    const late = await world.ask('GET', '/v2/events', { headers: { accept: 'text/event-stream' } });
    expect(late.status).toBe(503);
  });

  it('without a literal text/event-stream in Accept it is 405', async () => {
    for (const headers of [{}, { accept: '*/*' }, { accept: 'application/json' }]) {
      expect((await world.ask('GET', '/v2/events', { headers })).status).toBe(405);
    }
    expect((await world.ask('HEAD', '/v2/events', { headers: { accept: 'text/event-stream' } })).status).toBe(
      200,
    );
  });
});

/** What a consumer needs of a response, with a reader that takes bytes when told. */
class SlowReader {
  frames: string[] = [];
  writableLength = 0;
  destroyed = false;
  writableEnded = false;
  #onDrain: () => void = () => undefined;

  on(_event: string, listener: () => void): void {
    this.#onDrain = listener;
  }

  write(written: string | Buffer): void {
    const frame = written.toString();
    this.frames.push(frame);
    this.writableLength += frame.length;
  }

  destroy(): void {
    this.destroyed = true;
  }

  read(): void {
    this.writableLength = 0;
    this.#onDrain();
  }
}

describe('a reader of the event stream', () => {
  const consumerOf = (reader: SlowReader, bus: FakeEvents, limit?: number): EventConsumer => {
    const consumer = new EventConsumer(reader as unknown as Response, new Set(), bus, () => 'now', limit);
    bus.subscribe((event) => {
      const frame = eventFrame(event);
      consumer.offer({ events: [{ event, frame }], bytes: Buffer.from(frame) });
    });
    return consumer;
  };

  it('that takes nothing is cut off at the limit, not before', () => {
    const bus = new FakeEvents();
    const reader = new SlowReader();
    consumerOf(reader, bus, 1_000).begin(undefined);
    for (let count = 0; count < 1_000 && !reader.destroyed; count++)
      bus.publish({ eventType: 'deployment_info' });
    expect(reader.destroyed).toBe(true);
    expect(reader.writableLength).toBeGreaterThan(1_000);
    expect(reader.writableLength).toBeLessThan(1_200);
  });

  it('that replays a long history gets it at its own pace, and is not cut off for it', () => {
    const bus = new FakeEvents(7, 100_000);
    for (let count = 0; count < 20_000; count++) bus.publish({ eventType: 'deployment_info' });
    const reader = new SlowReader();
    consumerOf(reader, bus, 300 * 1024).begin('7-0');
    expect(reader.frames.length).toBeLessThan(5_000);
    while (reader.writableLength > 0) reader.read();
    expect(reader.destroyed).toBe(false);
    expect(reader.frames).toHaveLength(20_000);
  });

  it('gets every event after its id exactly once, in order, whenever it reads (property)', () => {
    const step = fc.constantFrom('publish', 'read');
    fc.assert(
      fc.property(fc.nat(60), fc.nat(60), fc.array(step, { maxLength: 40 }), (before, start, steps) => {
        const bus = new FakeEvents(7, 1_000);
        const body = { eventType: 'deployment_info' as const, padding: 'x'.repeat(20_000) };
        for (let count = 0; count < before; count++) bus.publish(body);
        const from = Math.min(start, before);
        const reader = new SlowReader();
        consumerOf(reader, bus, 64 * 1024 * 1024).begin(`7-${from}`);
        for (const action of steps) action === 'read' ? reader.read() : bus.publish(body);
        for (let turn = 0; turn < 100; turn++) reader.read();
        const last = Number(bus.position().split('-')[1]);
        const ids = reader.frames.map((frame) => /^id: 7-(\d+)/.exec(frame)?.[1]).map(Number);
        expect(ids).toEqual(Array.from({ length: last - from }, (_, index) => from + index + 1));
      }),
      { numRuns: 60 },
    );
  });
});

describe('many events at a time', () => {
  /** A clock on which handing over always takes two milliseconds. */
  class SlowClock extends VirtualClock {
    #spentMs = 0;
    override monotonicMs(): number {
      this.#spentMs += 2;
      return super.monotonicMs() + this.#spentMs;
    }
  }
  class Reader extends SlowReader {
    statusCode = 0;
    setHeader(): void {}
    flushHeaders(): void {}
    once(): void {}
    end(): void {
      this.writableEnded = true;
    }
    get ids(): readonly string[] {
      return [...this.frames.join('').matchAll(/^id: (\S+)\nevent: deployment_info/gm)].map(
        ([, id]) => id ?? '',
      );
    }
  }
  const access = { seesAll: true, principal: {} } as unknown as Parameters<EventHub['attach']>[2]['access'];
  const attach = (hub: EventHub, reader: Reader, lastEventId?: string): void => {
    const socket = {
      remoteAddress: '127.0.0.1',
      bytesWritten: 0,
      setNoDelay: () => {},
      setTimeout: () => {},
    };
    hub.attach({ socket } as unknown as Request, reader as unknown as Response, {
      types: new Set(),
      lastEventId,
      access,
    });
  };
  const setUp = (): { bus: FakeEvents; clock: SlowClock; hub: EventHub } => {
    const bus = new FakeEvents(7, 1_000);
    const clock = new SlowClock();
    return { bus, clock, hub: new EventHub({ events: bus, clock, metrics: new FakeMetrics() }) };
  };
  const body = { eventType: 'deployment_info' as const };

  it('go out in one piece, the first at the end of its turn and the others when handing over has had its share', async () => {
    const { bus, clock, hub } = setUp();
    const reader = new Reader();
    attach(hub, reader);
    for (let count = 0; count < 5; count++) bus.publish(body);
    expect(reader.ids).toEqual([]);
    await Promise.resolve();
    expect(reader.ids).toHaveLength(5);
    const pieces = reader.frames.length;
    for (let count = 0; count < 5; count++) bus.publish(body);
    await Promise.resolve();
    expect(reader.ids).toHaveLength(5);
    await clock.advanceAsync(50);
    expect(reader.ids).toHaveLength(10);
    expect(reader.frames).toHaveLength(pieces + 1);
    hub.stop();
  });

  it('reach a reader that resumes while they gather exactly once', async () => {
    const { bus, clock, hub } = setUp();
    const long = { ...body, padding: 'x'.repeat(20_000) };
    const first = new Reader();
    attach(hub, first);
    for (let count = 0; count < 40; count++) bus.publish(long);
    const resumed = new Reader();
    attach(hub, resumed, '7-0');
    expect(resumed.ids.length).toBeLessThan(40);
    for (let count = 0; count < 5; count++) bus.publish(body);
    while (resumed.writableLength > 0) resumed.read();
    bus.publish(body);
    await clock.advanceAsync(50);
    expect(resumed.ids).toHaveLength(46);
    expect(new Set(resumed.ids).size).toBe(46);
    expect(first.ids).toEqual(resumed.ids);
    hub.stop();
  });

  it('that gather are handed over before the hub stops', async () => {
    const { bus, hub } = setUp();
    const reader = new Reader();
    attach(hub, reader);
    bus.publish(body);
    await Promise.resolve();
    bus.publish(body);
    hub.stop();
    expect(reader.ids).toHaveLength(2);
    expect(reader.writableEnded).toBe(true);
  });
});

it('an event is a frame of id, type and one line of data, whatever its texts hold', () => {
  const json = JSON.stringify({ reason: 'a\n\nb\rc\u2028d' });
  const frame = eventFrame({ id: '7-1', eventType: 'deployment_failed', json });
  expect(frame).toBe(`id: 7-1\nevent: deployment_failed\ndata: ${json}\n\n`);
  expect(frame.split(/\r\n|\r|\n/)).toHaveLength(5);
});
