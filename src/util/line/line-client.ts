import { randomUUID } from 'node:crypto';
import { request } from 'node:http';
import { request as requestTls } from 'node:https';
import type { Socket } from 'node:net';
import type { Log } from '../../logging/log.js';
import type { Clock, Timer } from '../clock.js';
import type { LineEnd, LineHandlers } from './line.js';
import { type Frame, LINE_MAX_QUEUED, LineCore, OVERFLOW } from './line-core.js';
import { LINE_UPGRADE } from './line-server.js';

export interface LineClientOptions<In> {
  /** e.g. `http://127.0.0.1:5050`; asked at each connect, so that it may change. */
  readonly url: () => string;
  readonly path: string;
  /** Asked at each connect, so that a replaced token file is seen. */
  readonly token: () => string;
  readonly protocolVersion: number;
  readonly peer: string;
  readonly handlers: LineHandlers<In>;
  readonly clock: Clock;
  readonly log: Log;
  readonly maxQueued?: number;
  /** First pause between attempts; doubles up to `maxRetryMs`. */
  readonly retryMs?: number;
  readonly maxRetryMs?: number;
}

/** Time for a connection to be made and greeted. */
const CONNECT_TIMEOUT_MS = 5_000;

/** Why a server that answers lets no line in: waiting alone does not mend that, so it says what does. */
function refusalReason(status: number): string {
  if (status === 401)
    return 'the server does not know our token: give --token-file a copy of the file `token` in its work dir';
  if (status === 404) return 'no longrun master is there: --server names its master port (5050 by default)';
  return `answered ${status}`;
}

/** The dialling end of a line: connects at `start`, reconnects for ever with a bounded, doubling pause. */
export class LineClient<In, Out> implements LineEnd<Out> {
  readonly #lineId = randomUUID();
  readonly #core: LineCore;
  #serverId: string | undefined;
  #greeted = false;
  #attempt = 0;
  #closed = false;
  #timer: Timer | undefined;
  #lastComplaint = '';

  constructor(private readonly options: LineClientOptions<In>) {
    this.#core = new LineCore(options.clock, options.maxQueued ?? LINE_MAX_QUEUED, {
      message: (message) => options.handlers.onMessage(message as In),
      greeting: (frame) => this.#welcome(frame),
      overflow: () => {
        options.log.warn('the line is reset', { reason: OVERFLOW });
        this.#serverId = undefined;
        this.#core.detach(OVERFLOW);
        this.#core.reset();
      },
      lost: (reason) => this.#lost(reason),
    });
  }

  get connected(): boolean {
    return this.#core.connected && this.#greeted;
  }

  start(): void {
    this.#connect();
  }

  send(message: Out): void {
    if (!this.#closed) this.#core.send(message);
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#core.detach('closed', false);
  }

  #connect(): void {
    if (this.#closed) return;
    const { options } = this;
    let url: URL;
    let token: string;
    try {
      url = new URL(options.path, options.url());
      token = options.token();
    } catch (error) {
      // A token file may be replaced, or its disk be away, while we dial: that ends nothing that runs.
      this.#retry(error instanceof Error ? error.message : String(error), 'warn');
      return;
    }
    let settled = false;
    const fail = (why: string, level: 'info' | 'warn' = 'info'): void => {
      if (settled) return;
      settled = true;
      dial.destroy();
      this.#retry(why, level);
    };
    const dial = (url.protocol === 'https:' ? requestTls : request)(url, {
      method: 'GET',
      agent: false,
      headers: {
        connection: 'Upgrade',
        upgrade: LINE_UPGRADE,
        authorization: `Bearer ${token}`,
      },
      timeout: CONNECT_TIMEOUT_MS,
    });
    dial.on('timeout', () => fail('no answer'));
    dial.on('error', (error) => fail(error.message));
    dial.on('response', (response) => {
      response.resume();
      fail(refusalReason(response.statusCode ?? 0), 'warn');
    });
    dial.on('upgrade', (_response, socket, head) => {
      if (settled || this.#closed) {
        socket.destroy();
        return;
      }
      settled = true;
      this.#greet(socket as Socket, head);
    });
    dial.end();
  }

  #greet(socket: Socket, head: Buffer): void {
    this.#greeted = false;
    socket.setTimeout(0);
    this.#core.attach(socket, head);
    this.#core.greet({
      hello: {
        protocolVersion: this.options.protocolVersion,
        lineId: this.#lineId,
        peer: this.options.peer,
        serverId: this.#serverId,
        ack: this.#core.received,
      },
    });
  }

  #welcome(frame: Frame): void {
    const welcome = frame.welcome;
    if (!welcome) {
      this.#core.detach('no welcome');
      return;
    }
    this.#greeted = true;
    this.#attempt = 0;
    this.#lastComplaint = '';
    this.#serverId = welcome.serverId;
    if (welcome.resumed) {
      this.#core.resume(welcome.ack);
    } else {
      this.#core.reset();
      this.#core.resume(0);
      this.options.handlers.onReset();
    }
    this.options.handlers.onConnected?.();
  }

  #lost(reason: string): void {
    const was = this.#greeted;
    this.#greeted = false;
    if (was) this.options.handlers.onDisconnected?.(reason);
    this.#retry(reason);
  }

  #retry(why: string, level: 'info' | 'warn' = 'info'): void {
    if (this.#closed) return;
    if (why !== this.#lastComplaint) {
      this.#lastComplaint = why;
      this.options.log[level]('the line to the server is down; dialling again', {
        reason: why,
        path: this.options.path,
      });
    }
    const pauseMs = Math.min(
      (this.options.retryMs ?? 50) * 2 ** Math.min(this.#attempt, 10),
      this.options.maxRetryMs ?? 1_000,
    );
    this.#attempt += 1;
    this.#timer?.cancel();
    this.#timer = this.options.clock.after(pauseMs, () => this.#connect());
  }
}
