import { createServer, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { Duplex } from 'node:stream';
import fc from 'fast-check';
import { type Log, silentLog } from '../../src/logging/log.js';
import { type Clock, SystemClock } from '../../src/util/clock.js';
import type { AcceptedLine } from '../../src/util/line/line.js';
import { LineClient } from '../../src/util/line/line-client.js';
import { LineCore } from '../../src/util/line/line-core.js';
import { LineServer } from '../../src/util/line/line-server.js';
import { encodeRecord, RecordDecoder } from '../../src/util/line/record-io.js';
import { VirtualClock } from '../../src/util/virtual-clock.js';
import { waitFor } from '../support/wait-for.js';

describe('RecordIO', () => {
  it('gives back any records however the bytes are cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: 'binary', maxLength: 40 })),
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }),
        (records, cuts) => {
          const bytes = Buffer.from(records.map(encodeRecord).join(''));
          const expected = records.map((record) => Buffer.from(record).toString('utf8'));
          const decoder = new RecordDecoder();
          const got: string[] = [];
          for (let at = 0, i = 0; at < bytes.length; i++) {
            const size = cuts[i % cuts.length] ?? 1;
            got.push(...decoder.push(bytes.subarray(at, at + size)));
            at += size;
          }
          expect(got).toEqual(expected);
        },
      ),
    );
  });

  it.each(['x\n', '-1\n{}', '99999999999\n', '1e3\n'])('refuses the length line %j', (text) => {
    expect(() => new RecordDecoder().push(Buffer.from(text))).toThrow();
  });
});

describe('what waits for an acknowledgement', () => {
  const core = (maxQueued: number, maxCharacters: number): { core: LineCore; overflows: () => number } => {
    let overflows = 0;
    const made = new LineCore(
      new VirtualClock(),
      maxQueued,
      {
        message: () => undefined,
        greeting: () => undefined,
        lost: () => undefined,
        overflow: () => void overflows++,
      },
      maxCharacters,
    );
    return { core: made, overflows: () => overflows };
  };

  it('is bounded in number', () => {
    const { core: line, overflows } = core(3, 1_000_000);
    for (let sent = 0; sent < 3; sent++) line.send('x');
    expect(overflows()).toBe(0);
    line.send('x');
    expect(overflows()).toBe(1);
  });

  it('is bounded in size, and what was acknowledged counts no more', () => {
    const { core: line, overflows } = core(100, 1_000);
    const text = 'x'.repeat(300);
    for (let sent = 0; sent < 3; sent++) line.send(text);
    line.resume(2);
    for (let sent = 0; sent < 2; sent++) line.send(text);
    expect(overflows()).toBe(0);
    line.send(text);
    expect(overflows()).toBe(1);
  });

  it('may always be one message, however large', () => {
    const { core: line, overflows } = core(100, 1_000);
    line.send('x'.repeat(5_000));
    expect(overflows()).toBe(0);
  });
});

describe('an acknowledgement', () => {
  const received = Buffer.from(
    [1, 2].map((seq) => encodeRecord(JSON.stringify({ s: seq, m: 'x' }))).join(''),
  );
  const turn = (): Promise<void> => new Promise((done) => setImmediate(done));
  const open = (): { core: LineCore; clock: VirtualClock; socket: Duplex; written: () => string } => {
    const clock = new VirtualClock();
    let written = '';
    const socket = Object.assign(
      new Duplex({
        read: () => undefined,
        write: (piece, _encoding, done) => {
          written += String(piece);
          done();
        },
      }),
      { setNoDelay: () => undefined },
    );
    const ignore = (): undefined => undefined;
    const core = new LineCore(clock, 100, {
      message: ignore,
      greeting: ignore,
      lost: ignore,
      overflow: ignore,
    });
    core.attach(socket as unknown as Socket, received);
    core.resume(0);
    return { core, clock, socket, written: () => written };
  };

  it('goes with the next message', async () => {
    const { core, written } = open();
    core.send('answer');
    await turn();
    expect(written()).toBe(encodeRecord('{"s":1,"m":"answer"}') + encodeRecord('{"a":2}'));
    core.detach('over', false);
  });

  it('goes alone a little later when there is none', async () => {
    const { core, clock, written } = open();
    await turn();
    expect(written()).toBe('');
    await clock.advanceAsync(20);
    expect(written()).toBe(encodeRecord('{"a":2}'));
    core.detach('over', false);
  });

  it('is void with its connection: the next greeting says all', async () => {
    const { core, clock, written } = open();
    const other = open();
    core.attach(other.socket as unknown as Socket, Buffer.alloc(0));
    await clock.advanceAsync(20);
    expect(written()).toBe('');
    expect(other.written()).toBe('');
    core.detach('over', false);
  });
});

describe('a line', () => {
  const token = 'secret-of-the-work-dir';
  let http: Server;
  let dialled: number;
  let sockets: Set<Socket>;
  let accepted: AcceptedLine<string, string>[];
  let atServer: string[];
  let atClient: string[];
  let resets: number;
  let client: LineClient<string, string>;
  let lines: LineServer<string, string>;

  const listen = async (port = 0, clock: Clock = new SystemClock()): Promise<number> => {
    sockets = new Set();
    lines = new LineServer<string, string>({
      path: '/line',
      token,
      protocolVersion: 1,
      clock,
      log: silentLog,
      onLine: (line) => {
        accepted.push(line);
        line.handlers = { onMessage: (message) => void atServer.push(message), onReset: () => undefined };
      },
    });
    dialled = 0;
    http = createServer((_request, response) => void response.writeHead(404).end());
    http.on('upgrade', (request, socket, head) => {
      dialled += 1;
      if (!lines.upgrade(request, socket, head)) socket.destroy();
    });
    http.on('connection', (socket) => {
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
    });
    await new Promise<void>((ready) => http.listen(port, '127.0.0.1', ready));
    return (http.address() as AddressInfo).port;
  };
  const dial = (
    port: number,
    secret: string | (() => string) = token,
    clock: Clock = new SystemClock(),
    log: Log = silentLog,
  ): LineClient<string, string> =>
    new LineClient<string, string>({
      url: () => `http://127.0.0.1:${port}`,
      path: '/line',
      token: () => (typeof secret === 'string' ? secret : secret()),
      protocolVersion: 1,
      peer: 'p',
      clock,
      log,
      retryMs: 5,
      handlers: {
        onMessage: (message) => void atClient.push(message),
        onReset: () => {
          resets += 1;
        },
      },
    });

  beforeEach(() => {
    accepted = [];
    atServer = [];
    atClient = [];
    resets = 0;
  });
  afterEach(async () => {
    client.close();
    lines.close();
    for (const socket of sockets) socket.destroy();
    await new Promise<void>((closed) => http.close(() => closed()));
  });

  it('carries messages both ways in order, and loses and doubles none when connections break', async () => {
    client = dial(await listen());
    client.start();
    await waitFor(() => client.connected);
    const wanted = Array.from({ length: 300 }, (_, i) => `m${i}`);
    for (const [i, message] of wanted.entries()) {
      client.send(message);
      accepted[0]?.send(message);
      if (i % 60 === 30) {
        for (const socket of sockets) socket.destroy();
        await waitFor(() => client.connected);
      }
    }
    await waitFor(() => atServer.length >= wanted.length && atClient.length >= wanted.length);
    expect(atServer).toEqual(wanted);
    expect(atClient).toEqual(wanted);
    expect(accepted).toHaveLength(1);
    expect(resets).toBe(1);
  });

  it('starts afresh and says so when the server is a new process', async () => {
    const port = await listen();
    client = dial(port);
    client.start();
    await waitFor(() => client.connected);
    lines.close();
    for (const socket of sockets) socket.destroy();
    await new Promise<void>((closed) => http.close(() => closed()));
    client.send('void, for the old process');
    await listen(port);
    await waitFor(() => resets === 2 && client.connected);
    client.send('for the new process');
    await waitFor(() => atServer.length > 0);
    expect(atServer).toEqual(['for the new process']);
    expect(accepted).toHaveLength(2);
  });

  it('stays up as long as both ends live, however long nothing is said', async () => {
    const virtual = new VirtualClock();
    client = dial(await listen(0, virtual), token, virtual);
    let breaks = 0;
    client.start();
    await waitFor(() => client.connected);
    for (const socket of sockets) socket.on('close', () => (breaks += 1));
    for (let second = 0; second < 30; second++) {
      virtual.advance(1_000);
      for (let turn = 0; turn < 20; turn++) await new Promise((next) => setImmediate(next));
    }
    expect(breaks).toBe(0);
    accepted[0]?.send('still here');
    await waitFor(() => atClient.length > 0);
    expect(accepted).toHaveLength(1);
  });

  it('never takes what was said before the greeting for part of the new line', async () => {
    client = dial(await listen());
    client.start();
    while (!client.connected) {
      client.send('too early');
      await new Promise((next) => setImmediate(next));
    }
    client.send('first');
    client.send('second');
    await waitFor(() => atServer.length >= 2);
    expect(atServer).toEqual(['first', 'second']);
  });

  it('refuses a wrong token', async () => {
    const port = await listen();
    client = dial(port, 'secret-of-another-dir');
    client.start();
    await waitFor(() => dialled >= 3);
    expect(client.connected).toBe(false);
    expect(accepted).toHaveLength(0);
  });

  it('dials on when its token cannot be read for a while', async () => {
    const port = await listen();
    let reads = 0;
    client = dial(port, () => {
      reads += 1;
      if (reads < 3) throw new Error('EIO');
      return token;
    });
    client.start();
    await waitFor(() => client.connected);
    expect(reads).toBe(3);
  });

  describe('that a server answers but does not let in', () => {
    const told: unknown[] = [];
    const log: Log = { ...silentLog, warn: (_, fields) => void told.push(fields) };
    beforeEach(() => void told.splice(0));

    it('says that the token is wrong, once', async () => {
      client = dial(await listen(), 'secret-of-another-dir', undefined, log);
      client.start();
      await waitFor(() => dialled >= 3);
      expect(told).toMatchObject([{ reason: expect.stringContaining('--token-file') }]);
    });

    it('says that this is no master', async () => {
      await listen();
      http.removeAllListeners('upgrade');
      client = dial((http.address() as AddressInfo).port, token, undefined, log);
      client.start();
      await waitFor(() => told.length > 0);
      expect(told).toMatchObject([{ reason: expect.stringContaining('--server') }]);
    });
  });
});
