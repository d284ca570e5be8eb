import { createSocket } from 'node:dgram';
import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog } from '../../src/logging/log.js';
import {
  AccessLog,
  CHUNK_BYTES,
  FLUSH_PERIOD_MS,
  MAX_WAITING_CHUNKS,
} from '../../src/proxy/worker/access-log/access-log.js';
import { haproxyLines } from '../../src/proxy/worker/access-log/haproxy-line.js';
import { jsonLines } from '../../src/proxy/worker/access-log/json-line.js';
import { LogFile } from '../../src/proxy/worker/access-log/log-file.js';
import type { LineFormat } from '../../src/proxy/worker/access-log/log-line.js';
import type { LogSink } from '../../src/proxy/worker/access-log/log-sink.js';
import { SyslogSink } from '../../src/proxy/worker/access-log/syslog-sink.js';
import type { ExchangeRecord } from '../../src/proxy/worker/exchange-record.js';
import { VirtualClock } from '../../src/util/virtual-clock.js';
import { waitFor } from '../support/wait-for.js';
import { Backend, get, Plane, serverAt, service } from './rig.js';

let plane: Plane | undefined;
let dir: string | undefined;
afterEach(async () => {
  await plane?.close();
  plane = undefined;
  if (dir) rmSync(dir, { recursive: true, force: true });
  dir = undefined;
});

const place = (): string => {
  dir = mkdtempSync(join(tmpdir(), 'longrun-log-'));
  return join(dir, 'access-0.log');
};

/** What the log says of what `ask` does, once `lines` are there. */
async function linesOf(
  format: LineFormat,
  ask: (plane: Plane, backend: Backend) => Promise<void>,
  lines = 1,
): Promise<string[]> {
  const backend = await Backend.answering('four');
  plane = await Plane.start([
    service([{ ...serverAt(backend.port, 'web.1'), version: '2026-01-01T00:00:00.000Z' }]),
    service([serverAt(1, 'dead.1')], { servicePort: 10_001, vhosts: ['dead.test'] }),
  ]);
  plane.own(backend);
  const said: string[] = [];
  const exchangeEnded = (record: ExchangeRecord): void =>
    void said.push(format(record, { startedWallMs: Date.UTC(2026, 10, 23, 2, 2, 45, 7), connections: 1 }));
  Object.assign(plane.shared, { exchangeEnded });
  await ask(plane, backend);
  await waitFor(() => said.length >= lines, { what: () => `${lines} lines in ${said.join('')}` });
  return said;
}

const asked = (text: string) => async (of: Plane) => {
  await (await of.client()).send(text).sees(/\r\n\r\n/);
};

const http =
  /^(\S+):(\d+) \[(\d\d\/[A-Z][a-z]{2}\/\d{4}:\d\d:\d\d:\d\d\.\d{3})\] (\S+) (\S+)\/(\S+) (-?\d+)\/(-?\d+)\/(-?\d+)\/(-?\d+)\/(-?\d+) (-?\d+) (\d+) - - (....) (\d+)\/(\d+)\/(\d+)\/(\d+)\/(\+?\d+) (\d+)\/(\d+) "([^"]*)"\n$/;

describe('a line in HAProxy’s format', () => {
  const format = haproxyLines({ withQuery: false });

  it('has every field of option httplog', async () => {
    const [line = ''] = await linesOf(format, asked(get('/a%20b?token=secret')));
    const found = http.exec(line);
    expect(found).not.toBeNull();
    const [, address, , , frontend, backend, server] = found ?? [];
    expect([address, frontend, backend]).toEqual(['127.0.0.1', 'http', 'shop_web_10000']);
    expect(server).toMatch(/^localhost_127_0_0_1_\d+$/);
    const [, , , , , , , request, waited, connect, response, total, status, bytes, ending] = found ?? [];
    for (const timer of [request, waited, connect, response, total])
      expect(Number(timer)).toBeGreaterThanOrEqual(0);
    expect([status, ending]).toEqual(['200', '----']);
    expect(Number(bytes)).toBeGreaterThan('four'.length);
    expect(found?.at(-1)).toBe('GET /a%20b HTTP/1.1');
  });

  it('tells the query only when that is allowed', async () => {
    const [line = ''] = await linesOf(haproxyLines({ withQuery: true }), asked(get('/a?token=secret')));
    expect(line).toContain('"GET /a?token=secret HTTP/1.1"');
  });

  it('says of a request that makes no sense that it was refused', async () => {
    const [line = ''] = await linesOf(format, asked('nonsense\r\n\r\n'));
    const found = http.exec(line);
    expect(found?.[5]).toBe('http');
    expect(found?.[6]).toBe('<NOSRV>');
    expect(found?.[12]).toBe('400');
    expect(found?.[14]).toMatch(/^PR/);
    expect(found?.at(-1)).toBe('<BADREQ>');
  });

  it('says of a server that takes no connections how often it was tried', async () => {
    const [line = ''] = await linesOf(format, asked(get('/', 'dead.test')));
    const found = http.exec(line);
    expect(found?.[12]).toBe('503');
    expect(found?.[14]).toMatch(/^SC/);
    expect(Number(found?.[19]?.replace('+', ''))).toBeGreaterThan(0);
    expect(found?.[9]).toBe('-1');
  });

  it('lets nobody end the quoted request line', async () => {
    const [line = ''] = await linesOf(format, asked(get('/a"b\\x')));
    expect(http.exec(line)?.at(-1)).toBe('GET /a#22b\\x HTTP/1.1');
  });
});

describe('a line of JSON', () => {
  const format = jsonLines({ withQuery: false });

  it('tells app, version, task, timers and the request id, and nothing of other headers or the query', async () => {
    const extra = 'X-Request-ID: abc"1\r\nAuthorization: Bearer hidden\r\nCookie: a=hidden\r\n';
    const [line = ''] = await linesOf(format, asked(get('/x?token=hidden', 'web.test', extra)));
    expect(line).not.toContain('hidden');
    expect(JSON.parse(line)).toMatchObject({
      time: '2026-11-23T02:02:45.007Z',
      mode: 'http',
      frontend: 'http',
      method: 'GET',
      host: 'web.test',
      path: '/x',
      protocol: 'HTTP/1.1',
      status: 200,
      app: '/shop/web',
      version: '2026-01-01T00:00:00.000Z',
      backend: 'shop_web_10000',
      task: 'web.1',
      requestId: 'abc"1',
      termination: '----',
    });
  });

  it('says in words why a request ended badly', async () => {
    const [line = ''] = await linesOf(format, asked(get('/', 'dead.test')));
    expect(JSON.parse(line)).toMatchObject({ app: '/shop/web', ended: 'server-refused', status: 503 });
  });
});

describe('the access log', () => {
  const record = {} as ExchangeRecord;
  /** A sink that takes its time. */
  class SlowSink implements LogSink {
    readonly taken: string[] = [];
    finish: (() => void) | undefined;
    write(lines: Buffer): Promise<void> {
      this.taken.push(lines.toString());
      return new Promise((resolve) => {
        this.finish = resolve;
      });
    }
    writeLast(lines: Buffer): void {
      this.taken.push(lines.toString());
    }
    close(): void {
      this.finish?.();
    }
  }
  const started = (sink: LogSink, line: string) => {
    const clock = new VirtualClock();
    const log = new AccessLog({ format: () => line, sink, connections: () => 0, clock, log: silentLog });
    log.start();
    return { clock, log };
  };

  it('writes what came together once in a while, never two writes at once', () => {
    const sink = new SlowSink();
    const { clock, log } = started(sink, 'a\n');
    log.ended(record);
    log.ended(record);
    expect(sink.taken).toEqual([]);
    clock.advance(FLUSH_PERIOD_MS);
    log.ended(record);
    clock.advance(FLUSH_PERIOD_MS);
    expect(sink.taken).toEqual(['a\na\n']);
    log.stop();
    expect(sink.taken).toEqual(['a\na\n', 'a\n']);
  });

  it('leaves out and counts what comes while the disk is too slow, and goes on afterwards', async () => {
    const sink = new SlowSink();
    const line = `${'x'.repeat(1_023)}\n`;
    const { clock, log } = started(sink, line);
    const fit = (MAX_WAITING_CHUNKS * CHUNK_BYTES) / line.length;
    for (let i = 0; i < 2 * fit; i++) log.ended(record);
    expect(log.dropped).toBeGreaterThan(fit / 2);
    const before = log.dropped;
    sink.finish?.();
    await waitFor(() => sink.taken.length === 2);
    log.ended(record);
    clock.advance(FLUSH_PERIOD_MS);
    expect(log.dropped).toBe(before);
    expect(log.written).toBe((sink.taken[0]?.length ?? 0) / line.length);
    log.stop();
  });

  it('keeps so many files of such a size, and begins anew when its file is moved away', async () => {
    const path = place();
    let nowMs = 0;
    const file = new LogFile(path, 10, 3, () => nowMs);
    for (const text of ['1111111\n', '2222222\n', '3333333\n', '4444444\n'])
      await file.write(Buffer.from(text));
    expect(readdirSync(dir ?? '').sort()).toEqual(['access-0.log', 'access-0.log.1', 'access-0.log.2']);
    expect(readFileSync(`${path}.2`, 'utf8')).toBe('2222222\n');
    expect(readFileSync(path, 'utf8')).toBe('4444444\n');
    renameSync(path, `${path}.moved`);
    nowMs += 1_000;
    await file.write(Buffer.from('5\n'));
    expect(readFileSync(path, 'utf8')).toBe('5\n');
    file.close();
  });

  it('sends a datagram per line to a syslog server', async () => {
    const server = createSocket('udp4');
    const got: string[] = [];
    server.on('message', (message) => got.push(message.toString()));
    await new Promise<void>((bound) => server.bind(0, '127.0.0.1', bound));
    const sink = new SyslogSink('127.0.0.1', server.address().port, 'longrun-proxy[7]', { wallMs: () => 0 });
    await sink.write(Buffer.from('one\ntwo\n'));
    await waitFor(() => got.length === 2);
    expect(got[0]).toMatch(/^<134>Jan +1 \d\d:\d\d:\d\d longrun-proxy\[7\]: one$/);
    sink.close();
    server.close();
  });
});
