import { EventEmitter } from 'node:events';
import { connect } from 'node:net';
import type { Request } from 'express';
import { JsonDepth } from '../../src/api/decide/json-depth.js';
import { bodyLimits, JsonBodies } from '../../src/api/middleware/json-body.js';
import { VirtualClock } from '../../src/util/virtual-clock.js';
import { ApiWorld } from './support/api-world.js';

describe('a request body', () => {
  let world: ApiWorld;
  beforeEach(async () => {
    world = await new ApiWorld().start();
  });
  afterEach(() => world.stop());

  it.each([
    ['', 400, 'empty-body'],
    ['   ', 400, 'empty-body'],
    ['{"id":', 400, 'invalid-json-syntax'],
    ['{id: 1}', 400, 'invalid-json-syntax'],
    ['[]', 422, 'invalid-json'],
    ['null', 422, 'invalid-json'],
    ['"text"', 422, 'invalid-json'],
    ['{"id": 5}', 422, 'invalid-json'],
    [`{"id": "/a", "env": ${'['.repeat(200_000)}`, 400, 'bad-request'],
  ])('%.20s is answered with %s %s', async (body, status, code) => {
    const answer = await world.ask('POST', '/v2/apps', { body });
    expect(answer.status).toBe(status);
    expect(answer.json['code']).toBe(code);
  });

  it('that is not UTF-8 is 400, that is compressed is 415', async () => {
    const latin = await raw(world.port, Buffer.concat([head(4), Buffer.from([0x22, 0xff, 0xfe, 0x22])]));
    expect(latin).toMatch(/^HTTP\/1.1 400 /);
    const zipped = await world.ask('POST', '/v2/apps', {
      body: '{}',
      headers: { 'content-encoding': 'gzip' },
    });
    expect([zipped.status, zipped.json['code']]).toEqual([415, 'unsupported-content-encoding']);
  });

  it('over 10 MiB is 413 by its declared length, before it is sent', async () => {
    const answer = await raw(world.port, head(bodyLimits.maxBytes + 1));
    expect(answer).toMatch(/^HTTP\/1.1 413 /);
    expect(answer).toContain(`larger than ${bodyLimits.maxBytes} bytes`);
  });

  it('over 10 MiB in chunks is 413, and the client that goes on sending still reads the answer', async () => {
    const answer = await world.ask('POST', '/v2/apps', {
      body: `"${'x'.repeat(bodyLimits.maxBytes + 1)}"`,
      headers: { 'transfer-encoding': 'chunked' },
    });
    expect(answer.status).toBe(413);
    expect(answer.json['code']).toBe('body-too-large');
  });

  it('of exactly 10 MiB is read', async () => {
    const answer = await world.ask('POST', '/v2/apps', { body: `"${'x'.repeat(bodyLimits.maxBytes - 2)}"` });
    expect(answer.status).toBe(422);
  });
});

describe('bodies being read', () => {
  function request(headers: Record<string, string> = {}): Request & EventEmitter {
    const emitter = new EventEmitter() as unknown as Request & EventEmitter;
    Object.assign(emitter, { headers, pause: () => emitter });
    return emitter;
  }

  it('that come too slowly are given up', async () => {
    const clock = new VirtualClock();
    const slow = new JsonBodies(clock).read(request());
    clock.advance(bodyLimits.maxReadMs + 1);
    await expect(slow).rejects.toMatchObject({ status: 408 });
  });

  it('may hold only so much memory together, and give it back', async () => {
    const bodies = new JsonBodies(new VirtualClock(), {
      maxBytes: 10,
      maxBufferedBytes: 12,
      maxReadMs: 1000,
    });
    const [first, second] = [request(), request()];
    const one = bodies.read(first);
    const two = bodies.read(second);
    first.emit('data', Buffer.from('"1234567'));
    second.emit('data', Buffer.from('"1234567'));
    await expect(two).rejects.toMatchObject({ code: 'too-busy' });
    first.emit('data', Buffer.from('"'));
    first.emit('end');
    await expect(one).resolves.toBe('1234567');
    expect(bodies.bufferedBytes).toBe(0);
  });

  it('count nesting outside of texts only', () => {
    const depth = new JsonDepth(2);
    expect(depth.push(Buffer.from('{"a[[[\\"{{{": [1]}'))).toBe(true);
    expect(new JsonDepth(2).push(Buffer.from('[[['))).toBe(false);
    const split = new JsonDepth(2);
    expect(
      split.push(Buffer.from('["\\')) && split.push(Buffer.from('"[[[[')) && split.push(Buffer.from('"]')),
    ).toBe(true);
  });
});

function head(length: number): Buffer {
  return Buffer.from(
    `POST /v2/apps HTTP/1.1\r\nHost: localhost:PORT\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n`,
  );
}

/** Sends bytes (PORT in them becomes the port) and collects the answer until it is complete or the other end closes. */
function raw(port: number, bytes: Buffer): Promise<string> {
  const text = Buffer.from(bytes.toString('latin1').replace('PORT', String(port)), 'latin1');
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(text));
    let answer = '';
    socket.on('data', (chunk: Buffer) => {
      answer += chunk.toString();
      if (answer.includes('\r\n\r\n') && answer.trimEnd().endsWith('}')) {
        socket.destroy();
        resolve(answer);
      }
    });
    socket.on('end', () => resolve(answer));
    socket.on('error', reject);
  });
}
