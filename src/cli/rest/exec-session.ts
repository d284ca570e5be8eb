import type { ClientRequestArgs, IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocket } from 'ws';
import { EXEC_PROTOCOL, FRAME_INPUT } from '../../embedded-mesos/agent/decide/exec-protocol.js';
import { type RestClient, RestError, refusal } from './rest-client.js';

/** How a program in a task ended. */
export type ExecEnd =
  | { readonly code: number }
  | { readonly signal: string }
  /** It was ended, or never began: why, as a sentence without an end. */
  | { readonly message: string };

export interface ExecWish {
  readonly taskId: string;
  readonly argv: readonly string[];
  readonly input: boolean;
  readonly terminal?: { readonly rows: number; readonly columns: number };
}

export interface ExecListeners {
  /** False: hold what follows until `resume`. */
  readonly onOutput: (stream: 'stdout' | 'stderr', chunk: Buffer) => boolean;
  readonly onEnd: (end: ExecEnd) => void;
}

const MAX_REFUSAL_CHARACTERS = 64 * 1024;
/** Input on its way above which the typist has to wait. */
const HOLD_BYTES = 256 * 1024;
/** Longest piece of input in one frame. */
const PIECE_BYTES = 32 * 1024;

/** This side of a program in a task. */
export class ExecSession {
  readonly #socket: WebSocket;
  #end: ExecEnd | undefined;

  constructor(client: RestClient, wish: ExecWish, listeners: ExecListeners) {
    const { authorization, connector } = client.connection;
    const url = `${client.url.replace(/^http/, 'ws').replace(/\/+$/, '')}${pathOf(wish)}`;
    this.#socket = new WebSocket(url, EXEC_PROTOCOL, {
      perMessageDeflate: false,
      headers: authorization === undefined ? {} : { authorization },
      ...(connector && {
        createConnection: ((
          _options: ClientRequestArgs,
          callback: (error: Error | null, socket?: Duplex) => void,
        ) => {
          const { hostname, port } = new URL(client.url);
          const target = {
            hostname,
            host: hostname,
            protocol: 'https:',
            port: port || '443',
            servername: hostname,
          };
          connector(target as never, (error, socket) => callback(error, socket ?? undefined));
          return undefined;
        }) as never,
      }),
    });
    this.#socket.on('message', (data, isBinary) => this.#heard(data as Buffer, isBinary, listeners));
    this.#socket.on('close', (_code, reason) => {
      listeners.onEnd(this.#end ?? { message: reason.toString() || 'the connection was lost' });
    });
  }

  /** Resolves when the program has begun. Throws RestError when the server refuses. */
  opened(): Promise<void> {
    const socket = this.#socket;
    return new Promise((resolve, reject) => {
      socket.once('open', resolve);
      socket.once('unexpected-response', (_request, answer: IncomingMessage) => {
        readText(answer).then((text) => reject(refusal(answer.statusCode ?? 0, text)), reject);
      });
      socket.on('error', (error) => {
        this.#end ??= { message: error.message };
        reject(
          new RestError(
            `no session: ${error.message}`,
            'Does the server answer? `longrun status` shows it.',
            0,
          ),
        );
      });
    });
  }

  #heard(data: Buffer, isBinary: boolean, listeners: ExecListeners): void {
    if (isBinary) {
      const stream = data[0] === 2 ? 'stderr' : 'stdout';
      if (!listeners.onOutput(stream, data.subarray(1))) this.#socket.pause();
      return;
    }
    const { type, ...rest } = JSON.parse(data.toString('utf8')) as { readonly type: string };
    if (type === 'exit' || type === 'error') this.#end = rest as unknown as ExecEnd;
  }

  /** Goes on with output that was held. */
  resume(): void {
    this.#socket.resume();
  }

  /** False: `onSent` is called when more is welcome. */
  write(chunk: Buffer, onSent: () => void): boolean {
    for (let from = 0; from < chunk.length; from += PIECE_BYTES) {
      const piece = chunk.subarray(from, from + PIECE_BYTES);
      const last = from + PIECE_BYTES >= chunk.length;
      this.#send(Buffer.concat([Buffer.from([FRAME_INPUT]), piece]), last ? onSent : undefined);
    }
    return this.#socket.bufferedAmount < HOLD_BYTES;
  }

  endInput(): void {
    this.#send(JSON.stringify({ type: 'end-of-input' }));
  }

  resize(rows: number, columns: number): void {
    this.#send(JSON.stringify({ type: 'resize', rows, columns }));
  }

  signal(signal: string): void {
    this.#send(JSON.stringify({ type: 'signal', signal }));
  }

  #send(data: Buffer | string, onSent?: () => void): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(data, () => onSent?.());
  }

  close(): void {
    this.#socket.close();
  }
}

function pathOf({ taskId, argv, input, terminal }: ExecWish): string {
  const query = new URLSearchParams(argv.map((word): [string, string] => ['command', word]));
  if (input) query.set('stdin', 'true');
  if (terminal) {
    query.set('tty', 'true');
    query.set('rows', String(terminal.rows));
    query.set('columns', String(terminal.columns));
  }
  return `/v2/tasks/${encodeURIComponent(taskId)}/exec?${query}`;
}

async function readText(answer: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of answer) {
    text += String(chunk);
    if (text.length > MAX_REFUSAL_CHARACTERS) break;
  }
  return text;
}
