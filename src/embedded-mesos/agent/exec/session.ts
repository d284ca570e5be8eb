import type { WebSocket } from 'ws';
import {
  CLOSE_POLICY,
  decodeControl,
  encodeEnd,
  FRAME_INPUT,
  FRAME_OUTPUT,
} from '../decide/exec-protocol.js';
import type { ProgramEnd } from './host-messages.js';
import type { OutputStream, Program, ProgramListeners } from './program.js';

/** Output that waits for a slow reader before the program is held, and when it goes on. */
const HOLD_BYTES = 1024 * 1024;
const GO_ON_BYTES = 256 * 1024;
/** A reader that answers no ping for this long is gone. */
const PING_MS = 20_000;

type Maker = (listeners: ProgramListeners) => Program | Promise<Program>;

/**
 * Joins a WebSocket and a program: frames are bytes of its input and output, texts are orders and its end (docs/exec.md).
 *
 * INVARIANTS
 * - When the connection goes, so does the program; when the program ends, its end is told and the connection closed.
 * - Neither side makes this process hold more than a bounded amount for the other.
 */
export class Session {
  #program: Program | undefined;
  #held = false;
  #over = false;
  #inputEnded = false;
  #idle: NodeJS.Timeout | undefined;
  #ping: NodeJS.Timeout | undefined;
  #answered = true;

  constructor(
    private readonly socket: WebSocket,
    private readonly options: {
      readonly input: boolean;
      readonly idleMs: number;
      readonly onOver: (end: ProgramEnd) => void;
    },
  ) {}

  async start(make: Maker): Promise<void> {
    const { socket } = this;
    socket.on('message', (data, isBinary) => this.#heard(data as Buffer, isBinary));
    socket.on('pong', () => {
      this.#answered = true;
    });
    // Its close follows.
    socket.on('error', () => undefined);
    socket.on('close', () => this.#gone());
    this.#ping = setInterval(() => this.#check(), PING_MS);
    this.#stirred();
    // What is said before there is somebody to hear it waits on its way.
    socket.pause();
    try {
      const program = await make({
        onOutput: (stream, chunk) => this.#said(stream, chunk),
        onDrain: () => socket.resume(),
        onEnd: (end) => this.#ended(end),
      });
      this.#program = program;
      if (this.#over) program.kill();
      socket.resume();
    } catch (error) {
      this.#ended({ failure: error instanceof Error ? error.message : String(error) });
    }
  }

  /** Ends it for a reason that the other side is told. */
  end(why: string): void {
    if (this.#over) return;
    this.socket.send(encodeEnd({ failure: why }));
    this.#finish({ failure: why });
    this.socket.close(CLOSE_POLICY, why.slice(0, 120));
  }

  #heard(data: Buffer, isBinary: boolean): void {
    if (this.#over) return;
    this.#stirred();
    if (isBinary) {
      if (data[0] !== FRAME_INPUT) this.end('a frame of bytes must begin with the number of an input');
      else this.#write(data.subarray(1));
      return;
    }
    const order = decodeControl(data.toString('utf8'));
    if (typeof order === 'string') {
      this.end(order);
      return;
    }
    if (order.type === 'resize') this.#program?.resize(order.rows, order.columns);
    else if (order.type === 'signal') this.#program?.signal(order.signal);
    else this.#endInput();
  }

  /** What is said after the end of the input goes nowhere. */
  #write(bytes: Buffer): void {
    if (!this.options.input || this.#inputEnded || !this.#program) return;
    if (!this.#program.write(bytes)) this.socket.pause();
  }

  #endInput(): void {
    if (!this.options.input || this.#inputEnded) return;
    this.#inputEnded = true;
    this.#program?.endInput();
  }

  #said(stream: OutputStream, chunk: Buffer): void {
    if (this.#over) return;
    this.#stirred();
    const { socket } = this;
    const head = Buffer.from([FRAME_OUTPUT[stream]]);
    socket.send(Buffer.concat([head, chunk]), () => {
      if (!this.#held || socket.bufferedAmount > GO_ON_BYTES) return;
      this.#held = false;
      this.#program?.resume();
    });
    if (this.#held || socket.bufferedAmount <= HOLD_BYTES) return;
    this.#held = true;
    this.#program?.pause();
  }

  #ended(end: ProgramEnd): void {
    if (this.#over) return;
    this.socket.send(encodeEnd(end));
    this.#finish(end);
    this.socket.close(1000);
  }

  #gone(): void {
    if (!this.#over) this.#finish({ failure: 'the connection was closed' });
  }

  #finish(end: ProgramEnd): void {
    this.#over = true;
    clearTimeout(this.#idle);
    clearInterval(this.#ping);
    // Held for a program that is gone, it would not hear the other side's close.
    this.socket.resume();
    this.#program?.kill();
    this.options.onOver(end);
  }

  #stirred(): void {
    if (this.#over) return;
    clearTimeout(this.#idle);
    const { idleMs } = this.options;
    this.#idle = setTimeout(() => this.end(`nothing was said for ${Math.round(idleMs / 1000)} s`), idleMs);
  }

  #check(): void {
    if (!this.#answered) {
      this.socket.terminate();
      return;
    }
    this.#answered = false;
    this.socket.ping();
  }
}
