import { randomUUID, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Log } from '../../logging/log.js';
import type { Clock, Timer } from '../clock.js';
import type { AcceptedLine, LineHandlers, LineHello } from './line.js';
import { type Frame, LINE_MAX_QUEUED, LineCore, OVERFLOW } from './line-core.js';

export const LINE_UPGRADE = 'longrun-line';

export interface LineServerOptions<In, Out> {
  readonly path: string;
  readonly token: string;
  readonly protocolVersion: number;
  readonly clock: Clock;
  readonly log: Log;
  /** A new line (never a resumed one). Must set `line.handlers` before it returns. */
  onLine(line: AcceptedLine<In, Out>): void;
  readonly maxQueued?: number;
  /** How long a broken line can still be resumed. */
  readonly retainMs?: number;
  /** Most lines at once; further ones are refused with 503. */
  readonly maxLines?: number;
}

/** The server's end of all lines on one path; mount `upgrade` on an http server's `upgrade` event. */
export class LineServer<In, Out> {
  readonly #serverId = randomUUID();
  readonly #lines = new Map<string, ServerLine<In, Out>>();

  constructor(private readonly options: LineServerOptions<In, Out>) {}

  get size(): number {
    return this.#lines.size;
  }

  /** True when the request was for this path (and has been dealt with). */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): boolean {
    if ((request.url ?? '').split('?')[0] !== this.options.path) return false;
    if (request.headers.upgrade !== LINE_UPGRADE || !(socket instanceof Socket)) {
      refuse(socket, '400 Bad Request', `this path speaks ${LINE_UPGRADE} only`);
    } else if (!this.#authorised(request.headers.authorization)) {
      refuse(socket, '401 Unauthorized', 'the token is missing or wrong');
    } else if (this.#lines.size >= (this.options.maxLines ?? 20_000)) {
      refuse(socket, '503 Service Unavailable', 'too many lines');
    } else {
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${LINE_UPGRADE}\r\n\r\n`,
      );
      this.#greet(socket, head);
    }
    return true;
  }

  /** Closes every line. */
  close(): void {
    for (const line of [...this.#lines.values()]) line.close();
  }

  #authorised(header: string | undefined): boolean {
    const given = Buffer.from(header ?? '');
    const wanted = Buffer.from(`Bearer ${this.options.token}`);
    return given.length === wanted.length && timingSafeEqual(given, wanted);
  }

  /** Reads the hello on a probationary core, then hands the connection to its line. */
  #greet(socket: Socket, head: Buffer): void {
    const { clock, log } = this.options;
    socket.setTimeout(10_000, () => socket.destroy());
    const door = new LineCore(clock, 1, {
      message: () => socket.destroy(),
      overflow: () => socket.destroy(),
      lost: (reason) => log.debug('a line ended before its hello', { reason }),
      greeting: (frame) => {
        door.release();
        socket.setTimeout(0).removeAllListeners('timeout');
        this.#take(socket, frame);
      },
    });
    door.attach(socket, head);
  }

  #take(socket: Socket, frame: Frame): void {
    const hello = readHello(frame);
    if (!hello || hello.protocolVersion !== this.options.protocolVersion) {
      this.options.log.warn('a line was refused: another protocol version', { hello: frame.hello });
      socket.destroy();
      return;
    }
    const known = this.#lines.get(hello.lineId);
    if (known && hello.serverId === this.#serverId) {
      known.reattach(socket, hello, this.#serverId);
      return;
    }
    known?.close();
    const line = new ServerLine<In, Out>(hello, socket.remoteAddress ?? '', this.options, () => {
      if (this.#lines.get(hello.lineId) === line) this.#lines.delete(hello.lineId);
    });
    this.#lines.set(hello.lineId, line);
    this.options.onLine(line);
    line.begin(socket, this.#serverId);
  }
}

interface WireHello extends LineHello {
  readonly serverId: string | undefined;
  readonly ack: number;
}

function readHello(frame: Frame): WireHello | undefined {
  const hello = frame.hello;
  if (!hello) return undefined;
  const { protocolVersion, lineId, peer, serverId, ack } = hello;
  if (typeof protocolVersion !== 'number' || typeof lineId !== 'string' || typeof peer !== 'string')
    return undefined;
  return {
    protocolVersion,
    lineId,
    peer,
    serverId: typeof serverId === 'string' ? serverId : undefined,
    ack: typeof ack === 'number' ? ack : 0,
  };
}

function refuse(socket: Duplex, status: string, why: string): void {
  socket.end(
    `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: ${Buffer.byteLength(why)}\r\n\r\n${why}`,
  );
}

class ServerLine<In, Out> implements AcceptedLine<In, Out> {
  handlers: LineHandlers<In> = { onMessage: () => undefined, onReset: () => undefined };
  readonly #core: LineCore;
  readonly #retainMs: number;
  readonly #clock: Clock;
  #expiry: Timer | undefined;
  #closed = false;

  constructor(
    readonly hello: LineHello,
    readonly remoteAddress: string,
    options: LineServerOptions<In, Out>,
    private readonly forget: () => void,
  ) {
    this.#clock = options.clock;
    this.#retainMs = options.retainMs ?? 600_000;
    this.#core = new LineCore(options.clock, options.maxQueued ?? LINE_MAX_QUEUED, {
      message: (message) => this.handlers.onMessage(message as In),
      greeting: () => this.#core.detach('a second hello'),
      overflow: () => {
        options.log.warn('a line is reset', { peer: hello.peer, reason: OVERFLOW });
        this.close();
      },
      lost: (reason) => this.#lost(reason),
    });
  }

  get connected(): boolean {
    return this.#core.connected;
  }

  begin(socket: Socket, serverId: string): void {
    this.#core.attach(socket, Buffer.alloc(0));
    this.#core.greet({ welcome: { serverId, resumed: false, ack: 0 } });
    this.handlers.onReset();
    this.handlers.onConnected?.();
    this.#core.resume(0);
  }

  reattach(socket: Socket, hello: WireHello, serverId: string): void {
    this.#expiry?.cancel();
    const wasConnected = this.#core.connected;
    this.#core.attach(socket, Buffer.alloc(0));
    this.#core.greet({ welcome: { serverId, resumed: true, ack: this.#core.received } });
    this.#core.resume(hello.ack);
    if (!wasConnected) this.handlers.onConnected?.();
  }

  send(message: Out): void {
    if (!this.#closed) this.#core.send(message);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#expiry?.cancel();
    this.forget();
    const wasConnected = this.#core.connected;
    this.#core.detach('closed', false);
    if (wasConnected) this.handlers.onDisconnected?.('closed');
  }

  #lost(reason: string): void {
    this.handlers.onDisconnected?.(reason);
    this.#expiry = this.#clock.after(this.#retainMs, () => this.close());
  }
}
