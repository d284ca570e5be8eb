import { type ChildProcess, fork } from 'node:child_process';
import type { Socket } from 'node:net';
import type { Log } from '../../../logging/log.js';
import type { Dice } from '../../../util/ids.js';
import type { ProgramSource } from '../../containers/decide/enter-words.js';
import type { FromExecHost, ProgramEnd, SessionOrder, ToExecHost } from './host-messages.js';

/** How a program ended, and the last of what it wrote. */
export interface RunEnd {
  readonly end: ProgramEnd;
  readonly output: string;
}

const GONE = 'the process that kept it is gone';

/**
 * From here on only its next owner reads from a socket. Node reads on from one that it gives away, until the other process has
 * said that it got it, and drops what it reads: the first words of whoever was answered in between would be lost.
 */
function stopReading(socket: Socket): void {
  (socket as Socket & { readonly _handle?: { readStop(): number } | null })._handle?.readStop();
}

/**
 * The agent's end of the process that keeps programs in containers. It is started when the first one is asked for: an agent
 * without checks and sessions has none. When it dies, what it kept has ended, and the next order starts another.
 */
export class ExecHost {
  #child: ChildProcess | undefined;
  #stopped = false;
  readonly #runs = new Map<string, (end: RunEnd) => void>();
  readonly #sessions = new Map<string, (end: ProgramEnd) => void>();

  constructor(
    private readonly options: {
      /** The compiled `agent/exec/main.js`. */
      readonly script: string;
      readonly dice: Dice;
      readonly log: Log;
    },
  ) {}

  /** Its pid; undefined before the first order. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Runs a program to its end; `timeoutMs` Infinity: however long that takes. Never rejects. */
  run(
    entering: ProgramSource,
    timeoutMs: number,
  ): { readonly done: Promise<RunEnd>; cancel(why: string): void } {
    const id = this.options.dice.uuid();
    const done = new Promise<RunEnd>((resolve) => {
      this.#runs.set(id, resolve);
      const limited = Number.isFinite(timeoutMs) ? { timeoutMs } : {};
      this.#send({ type: 'run', id, entering, ...limited });
    });
    return { done, cancel: (why) => this.#send({ type: 'end', id, why }) };
  }

  /** Gives a socket away to a session; `onEnd` is called once. Returns how to end it. */
  attach(socket: Socket, order: SessionOrder, onEnd: (end: ProgramEnd) => void): (why: string) => void {
    const id = this.options.dice.uuid();
    this.#sessions.set(id, onEnd);
    stopReading(socket);
    this.#send({ type: 'attach', id, order }, socket);
    return (why) => {
      if (this.#sessions.has(id)) this.#send({ type: 'end', id, why });
    };
  }

  #send(message: ToExecHost, socket?: Socket): void {
    if (this.#stopped || (message.type === 'end' && !this.#child)) {
      socket?.destroy();
      this.#told(message.type === 'attach' ? 'closed' : 'ran', message.id, { failure: GONE }, '');
      return;
    }
    const child = this.#running();
    child.send(message, socket, {}, (error) => {
      if (!error) return;
      socket?.destroy();
      this.options.log.debug('an order reaches nobody', { order: message.type, error: error.message });
      this.#told(message.type === 'attach' ? 'closed' : 'ran', message.id, { failure: GONE }, '');
    });
  }

  #running(): ChildProcess {
    if (this.#child) return this.#child;
    const child = fork(this.options.script, [], {
      env: { PATH: process.env['PATH'] ?? '/usr/sbin:/usr/bin:/sbin:/bin' },
      execArgv: ['--max-semi-space-size=2'],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    this.#child = child;
    child.on('message', (message) => {
      const { type, id, end, ...rest } = message as FromExecHost;
      this.#told(type, id, end, 'output' in rest ? rest.output : '');
    });
    child.on('error', (error) => this.#ended(child, error.message));
    child.on('exit', (code, signal) => this.#ended(child, `exit ${code ?? signal}`));
    return child;
  }

  #told(type: FromExecHost['type'], id: string, end: ProgramEnd, output: string): void {
    if (type === 'ran') {
      const resolve = this.#runs.get(id);
      this.#runs.delete(id);
      resolve?.({ end, output });
    } else {
      const onEnd = this.#sessions.get(id);
      this.#sessions.delete(id);
      onEnd?.(end);
    }
  }

  #ended(child: ChildProcess, why: string): void {
    if (this.#child !== child) return;
    this.#child = undefined;
    if (!this.#stopped)
      this.options.log.warn(
        'the process that keeps checks and sessions ended; it is started again when needed',
        {
          why,
        },
      );
    for (const id of [...this.#runs.keys()]) this.#told('ran', id, { failure: GONE }, '');
    for (const id of [...this.#sessions.keys()]) this.#told('closed', id, { failure: GONE }, '');
  }

  /** Ends every program that it keeps. */
  stop(): void {
    this.#stopped = true;
    const child = this.#child;
    if (!child) return;
    this.#ended(child, 'stopped');
    child.disconnect();
  }
}
