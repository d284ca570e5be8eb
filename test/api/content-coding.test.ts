import { gunzipSync, inflateSync } from 'node:zlib';
import { preferredCoding } from '../../src/api/decide/content-coding.js';
import { ApiWorld, apiSettings } from './support/api-world.js';
import { record } from './support/fakes.js';

describe('the coding of an answer', () => {
  it.each([
    [undefined, undefined],
    ['', undefined],
    ['gzip', 'gzip'],
    ['deflate, gzip', 'gzip'],
    ['deflate', 'deflate'],
    ['GZIP;q=0.2, deflate;q=0.8', 'deflate'],
    ['gzip;q=0', undefined],
    ['*', 'gzip'],
    ['*;q=0.5, gzip;q=0', 'deflate'],
    ['br', undefined],
    ['identity, gzip;q=0.5', undefined],
    ['x-gzip', 'gzip'],
    ['gzip;q=nonsense', undefined],
  ])('asked for by Accept-Encoding %s is %s', (header, coding) => {
    expect(preferredCoding(header)).toBe(coding);
  });
});

describe('a large answer', () => {
  let world: ApiWorld;
  const gzip = { headers: { 'accept-encoding': 'gzip' } };

  beforeEach(async () => {
    world = await new ApiWorld().start();
    for (let i = 0; i < 3_000; i++)
      world.registry.put(record(`/app-${i}`, { labels: { filler: 'x'.repeat(50) } }));
  });
  afterEach(() => world.stop());

  it.each([
    ['gzip', gunzipSync],
    ['deflate', inflateSync],
  ])('is sent as %s, streamed, to those who take it, and says the same', async (coding, decode) => {
    const plain = await world.ask('GET', '/v2/apps');
    const coded = await world.ask('GET', '/v2/apps', { headers: { 'accept-encoding': coding } });
    expect(coded.headers['content-encoding']).toBe(coding);
    expect(coded.headers['content-length']).toBeUndefined();
    expect(coded.headers['vary']).toContain('Accept-Encoding');
    expect(decode(coded.bytes).toString()).toBe(plain.text);
    expect(coded.bytes.length).toBeLessThan(plain.bytes.length / 5);
    expect(plain.headers['content-encoding']).toBeUndefined();
    expect(world.metrics.counts.get('http.responses.size.gzipped.counter.bytes')).toBe(coded.bytes.length);
  });

  it('made whole is coded with its length', async () => {
    world.registry.put(record('/big', { labels: { filler: 'y'.repeat(5_000) } }));
    const coded = await world.ask('GET', '/v2/apps/big', gzip);
    expect(coded.headers['content-length']).toBe(String(coded.bytes.length));
    expect(JSON.parse(gunzipSync(coded.bytes).toString())).toMatchObject({ app: { id: '/big' } });
  });

  it('is not coded for a HEAD, nor is a small one or an event stream', async () => {
    const head = await world.ask('HEAD', '/v2/apps', gzip);
    expect([head.status, head.headers['content-encoding'], head.text]).toEqual([200, undefined, '']);
    expect((await world.ask('GET', '/v2/leader', gzip)).headers['content-encoding']).toBeUndefined();
    const stream = new AbortController();
    const { headers, body } = await fetch(`${world.url}/v2/events`, {
      headers: { accept: 'text/event-stream', 'accept-encoding': 'gzip' },
      signal: stream.signal,
    });
    expect(headers.get('content-encoding')).toBeNull();
    await body?.getReader().read();
    stream.abort();
  });

  it('is never coded when the operator says so', async () => {
    await world.stop();
    world = await new ApiWorld().start({ settings: { ...apiSettings, disableHttpCompression: true } });
    world.registry.put(record('/big', { labels: { filler: 'y'.repeat(5_000) } }));
    expect((await world.ask('GET', '/v2/apps/big', gzip)).headers['content-encoding']).toBeUndefined();
  });

  it('is cut, not ended, when a piece of it cannot be made', async () => {
    const all = world.registry.all.bind(world.registry);
    world.registry.all = function* () {
      yield* all();
      throw new Error('torn');
    };
    await expect(world.ask('GET', '/v2/apps', gzip)).rejects.toThrow(/aborted|hang up/);
    expect(world.defects.length).toBe(1);
  });
});
