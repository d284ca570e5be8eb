import type { Clock } from '../util/clock.js';
import type { Dice } from '../util/ids.js';
import type { AcceptedLine, LineEnd, LineHandlers } from '../util/line/line.js';
import type { ProcessClock } from './process-clock.js';
import { ServerEnd } from './server-end.js';
import { SimLine } from './sim-line.js';

export interface LinkWatch<Up, Down> {
  sent?(message: Down): void;
  /** A message reached the server's host, whether or not its process looks at it. */
  arrived?(message: Up): void;
}

const SHORTEST_LATENCY_MS = 1;
const LATENCY_SPREAD_MS = 5;

/** The line between one party and whichever server lives now: up when there is a server and nobody has cut it. */
export class Link<Up, Down> {
  readonly #line: SimLine<Up, Down>;
  #isCut = false;
  #hasServer = false;

  constructor(
    readonly name: string,
    clock: Clock,
    dice: Dice,
    private readonly watch: LinkWatch<Up, Down> = {},
  ) {
    const options = {
      clock,
      peer: name,
      accept: () => undefined,
      // Asked anew for each connection: no two are equally far.
      get latencyMs(): number {
        return SHORTEST_LATENCY_MS + Math.floor(dice.random() * LATENCY_SPREAD_MS);
      },
    };
    this.#line = new SimLine<Up, Down>(options);
    this.#line.cut();
  }

  get isUp(): boolean {
    return this.#hasServer && !this.#isCut;
  }

  dial(handlers: LineHandlers<Down>): LineEnd<Up> {
    return this.#line.dial(handlers);
  }

  serverStarted(process: ProcessClock, accept: (line: AcceptedLine<Up, Down>) => void): void {
    this.#hasServer = true;
    const { sent, arrived } = this.watch;
    this.#line.restartServer((line) => {
      const end = new ServerEnd<Up, Down>(line, process, {
        ...(sent ? { sent } : {}),
        ...(arrived ? { arrived } : {}),
      });
      process.run(() => accept(end));
    });
    if (!this.#isCut) this.#line.heal();
  }

  serverDied(): void {
    this.#hasServer = false;
    this.#line.cut();
  }

  cut(): void {
    this.#isCut = true;
    this.#line.cut();
  }

  heal(): void {
    this.#isCut = false;
    if (this.#hasServer) this.#line.heal();
  }
}
