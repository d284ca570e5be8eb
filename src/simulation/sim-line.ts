import type { Clock } from '../util/clock.js';
import type { AcceptedLine, LineEnd, LineHandlers, LineHello } from '../util/line/line.js';

export interface SimLineOptions<Up, Down> {
  readonly clock: Clock;
  /** What the server does with a new line. */
  readonly accept: (line: AcceptedLine<Up, Down>) => void;
  /** How long a message travels; 0 = until the end of the current turn. */
  readonly latencyMs?: number;
  readonly peer?: string;
}

/**
 * A line between two parties of one process, with the promises of the real one: ordered, nothing lost or doubled while both
 * live, resumed after a cut, begun anew (onReset) when either party is a new one.
 */
export class SimLine<Up, Down> {
  #wire: Wire<Up, Down> | undefined;
  #isCut = false;
  #count = 0;
  #accept: (line: AcceptedLine<Up, Down>) => void;

  constructor(private readonly options: SimLineOptions<Up, Down>) {
    this.#accept = options.accept;
  }

  /** A client process dials; the line it had before is over. */
  dial(handlers: LineHandlers<Down>): LineEnd<Up> {
    this.#wire?.end();
    const client = new ClientEnd<Up, Down>(handlers, () => this.#wire?.end());
    this.#begin(client);
    return client;
  }

  /** Nothing gets through until `heal`; both sides notice. */
  cut(): void {
    this.#isCut = true;
    this.#wire?.disconnect('cut');
  }

  heal(): void {
    this.#isCut = false;
    this.#wire?.connect();
  }

  /** The server is a new process: lines begin anew with it, what was on the way is lost. */
  restartServer(accept: (line: AcceptedLine<Up, Down>) => void): void {
    this.#accept = accept;
    const client = this.#wire?.client;
    this.#wire?.end();
    if (client && !client.isClosed) this.#begin(client);
  }

  #begin(client: ClientEnd<Up, Down>): void {
    const hello = {
      protocolVersion: 1,
      lineId: `line-${++this.#count}`,
      peer: this.options.peer ?? 'simulated',
    };
    const wire: Wire<Up, Down> = new Wire(this.options, hello, client, this.#accept, () => {
      // The server closed the line: the client dials again.
      if (this.#wire === wire && !client.isClosed) this.#begin(client);
    });
    this.#wire = wire;
    client.wire = wire;
    if (!this.#isCut) wire.connect();
  }
}

class ClientEnd<Up, Down> implements LineEnd<Up> {
  wire: Wire<Up, Down> | undefined;
  isClosed = false;

  constructor(
    readonly handlers: LineHandlers<Down>,
    private readonly hangUp: () => void,
  ) {}

  get connected(): boolean {
    return !this.isClosed && this.wire?.isConnected === true;
  }

  send(message: Up): void {
    if (!this.isClosed) this.wire?.up.push(message);
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.hangUp();
  }
}

/** One line from its first connection to its end. */
class Wire<Up, Down> implements AcceptedLine<Up, Down> {
  handlers: LineHandlers<Up> = { onMessage: () => undefined, onReset: () => undefined };
  readonly remoteAddress = '127.0.0.1';
  readonly up: Direction<Up>;
  readonly #down: Direction<Down>;
  #isConnected = false;
  #hasBegun = false;
  #isOver = false;

  constructor(
    private readonly options: SimLineOptions<Up, Down>,
    readonly hello: LineHello,
    readonly client: ClientEnd<Up, Down>,
    private readonly accept: (line: AcceptedLine<Up, Down>) => void,
    private readonly closedByServer: () => void,
  ) {
    const { clock, latencyMs = 0 } = options;
    const flows = (): boolean => this.#isConnected && !this.#isOver;
    this.up = new Direction(clock, latencyMs, flows, (message) => this.handlers.onMessage(message));
    this.#down = new Direction(clock, latencyMs, flows, (message) => client.handlers.onMessage(message));
  }

  get isConnected(): boolean {
    return this.#isConnected;
  }

  get connected(): boolean {
    return this.#isConnected;
  }

  send(message: Down): void {
    this.#down.push(message);
  }

  close(): void {
    if (this.#isOver) return;
    this.end();
    later(this.options.clock, this.options.latencyMs ?? 0, () => this.closedByServer());
  }

  connect(): void {
    later(this.options.clock, this.options.latencyMs ?? 0, () => {
      if (this.#isOver || this.#isConnected) return;
      this.#isConnected = true;
      if (!this.#hasBegun) {
        this.#hasBegun = true;
        this.accept(this);
        this.handlers.onReset();
        this.client.handlers.onReset();
      }
      this.handlers.onConnected?.();
      this.client.handlers.onConnected?.();
      this.up.flow();
      this.#down.flow();
    });
  }

  disconnect(reason: string): void {
    if (!this.#isConnected) return;
    this.#isConnected = false;
    this.handlers.onDisconnected?.(reason);
    if (!this.client.isClosed) this.client.handlers.onDisconnected?.(reason);
  }

  end(): void {
    this.disconnect('ended');
    this.#isOver = true;
  }
}

class Direction<M> {
  #waiting: M[] = [];
  #isFlowing = false;

  constructor(
    private readonly clock: Clock,
    private readonly latencyMs: number,
    private readonly flows: () => boolean,
    private readonly deliver: (message: M) => void,
  ) {}

  push(message: M): void {
    this.#waiting.push(message);
    this.flow();
  }

  flow(): void {
    if (this.#isFlowing || this.#waiting.length === 0 || !this.flows()) return;
    this.#isFlowing = true;
    later(this.clock, this.latencyMs, () => {
      this.#isFlowing = false;
      const messages = this.#waiting;
      this.#waiting = [];
      for (const [index, message] of messages.entries()) {
        if (!this.flows()) {
          this.#waiting = [...messages.slice(index), ...this.#waiting];
          return;
        }
        this.deliver(message);
      }
      this.flow();
    });
  }
}

function later(clock: Clock, delayMs: number, run: () => void): void {
  if (delayMs > 0) clock.after(delayMs, run);
  else queueMicrotask(run);
}
