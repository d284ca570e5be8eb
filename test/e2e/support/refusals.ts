import { connect } from 'node:net';

/** Between two connections. */
const PERIOD_MS = 4;
/** A connection that is taken is answered within this. */
const ANSWER_LIMIT_MS = 10_000;

/** What became of connections that were made one after the other, each for one request. */
export interface Refusals {
  readonly tried: number;
  /** Nobody listened. */
  readonly refused: number;
  /** Taken, and then broken or left without an answer. */
  readonly broken: number;
  /** The longest time from a connection that was refused to the next one that was taken. */
  readonly longestGapMs: number;
}

/** Connects to a load balancer again and again until `stop`, to see when nobody listens. */
export class RefusalWatch {
  #running = true;
  #tried = 0;
  #refused = 0;
  #broken = 0;
  #longestGapMs = 0;
  #gapSinceMs: number | undefined;
  readonly #done: Promise<void>;

  constructor(
    private readonly url: string,
    private readonly host: string,
  ) {
    this.#done = this.#watch();
  }

  get tried(): number {
    return this.#tried;
  }

  async stop(): Promise<Refusals> {
    this.#running = false;
    await this.#done;
    return {
      tried: this.#tried,
      refused: this.#refused,
      broken: this.#broken,
      longestGapMs: Math.round(this.#longestGapMs),
    };
  }

  async #watch(): Promise<void> {
    while (this.#running) {
      const beganMs = performance.now();
      const fate = await this.#once();
      this.#tried += 1;
      if (fate === 'refused') {
        this.#refused += 1;
        this.#gapSinceMs ??= beganMs;
      } else {
        if (fate === 'broken') this.#broken += 1;
        if (this.#gapSinceMs !== undefined)
          this.#longestGapMs = Math.max(this.#longestGapMs, performance.now() - this.#gapSinceMs);
        this.#gapSinceMs = undefined;
      }
      await new Promise((next) => setTimeout(next, PERIOD_MS));
    }
  }

  #once(): Promise<'answered' | 'refused' | 'broken'> {
    const { hostname, port } = new URL(this.url);
    return new Promise((resolve) => {
      let taken = false;
      let text = '';
      const socket = connect(Number(port), hostname);
      socket.setTimeout(ANSWER_LIMIT_MS, () => socket.destroy());
      socket.on('connect', () => {
        taken = true;
        socket.write(`GET / HTTP/1.1\r\nHost: ${this.host}\r\nConnection: close\r\n\r\n`);
      });
      socket.on('data', (piece) => {
        text += piece.toString('latin1');
      });
      // What went wrong shows in what was received.
      socket.on('error', () => undefined);
      socket.on('close', () =>
        resolve(taken ? (text.startsWith('HTTP/1.1 200') ? 'answered' : 'broken') : 'refused'),
      );
    });
  }
}
