import type { Socket } from 'node:net';
import type { Clock, Timer } from '../clock.js';
import { encodeRecord, RecordDecoder } from './record-io.js';

/** What travels: data (`s`, `m`), acknowledgement (`a`: all up to and including), heartbeat (`h`), the two greetings. */
export interface Frame {
  readonly s?: number;
  readonly m?: unknown;
  readonly a?: number;
  readonly h?: 1;
  readonly hello?: { readonly [name: string]: unknown };
  readonly welcome?: Welcome;
}

export interface Welcome {
  /** The server process; a line resumes only within one. */
  readonly serverId: string;
  readonly resumed: boolean;
  /** Last sequence number the server had received on this line. */
  readonly ack: number;
}

export const LINE_HEARTBEAT_MS = 2_000;
/** Silence after which a connection is given up. */
export const LINE_SILENCE_MS = 7_000;
export const LINE_MAX_QUEUED = 200_000;
/** An acknowledgement goes with the next message; without one, on its own after this, or after so many messages. */
const ACK_DELAY_MS = 20;
const ACK_AT_ONCE = 64;
/** An agent's report of ten thousand tasks, or a whole routing table, is one record. */
export const LINE_MAX_RECORD_BYTES = 128 * 1024 * 1024;
/** So much text may wait for the peer's acknowledgement; one message always may. */
export const LINE_MAX_QUEUED_CHARACTERS = 128 * 1024 * 1024;

interface Kept {
  readonly seq: number;
  readonly record: string;
}

/** Stands in the place of what the peer has: the text of a large message must not wait for the next tidying. */
const ACKNOWLEDGED: Kept = { seq: 0, record: '' };

/** Thrown by nothing, passed as a reason: the peer acknowledged too slowly for the bounded queue. */
export const OVERFLOW = 'too many unacknowledged messages';

/**
 * The part both ends share: numbering, keeping until acknowledged, resending, acknowledging, heartbeats, silence.
 * One core lives as long as its line; connections come and go through `attach`.
 */
export class LineCore {
  #nextSeq = 1;
  #received = 0;
  #kept: Kept[] = [];
  #keptFrom = 0;
  #keptCharacters = 0;
  #socket: Socket | undefined;
  /** Both greetings are done: what is sent before belongs to no line that the peer knows. */
  #open = false;
  #decoder = new RecordDecoder(LINE_MAX_RECORD_BYTES);
  #outbox: string[] = [];
  #flushQueued = false;
  /** Received since the last acknowledgement. */
  #unacknowledged = 0;
  #ackTimer: Timer | undefined;
  #lastReceivedMs = 0;
  #lastSentMs = 0;
  #lastTickMs = 0;
  #ticker: Timer | undefined;

  constructor(
    private readonly clock: Clock,
    private readonly maxQueued: number,
    private readonly on: {
      message(message: unknown): void;
      greeting(frame: Frame): void;
      lost(reason: string): void;
      overflow(): void;
    },
    private readonly maxQueuedCharacters = LINE_MAX_QUEUED_CHARACTERS,
  ) {}

  get connected(): boolean {
    return this.#socket !== undefined;
  }

  get received(): number {
    return this.#received;
  }

  /** Forgets everything sent and received: a fresh line. */
  reset(): void {
    this.#nextSeq = 1;
    this.#received = 0;
    this.#kept = [];
    this.#keptFrom = 0;
    this.#keptCharacters = 0;
    this.#outbox = [];
  }

  send(message: unknown): void {
    const seq = this.#nextSeq++;
    const record = encodeRecord(JSON.stringify({ s: seq, m: message }));
    this.#kept.push({ seq, record });
    this.#keptCharacters += record.length;
    const waiting = this.#kept.length - this.#keptFrom;
    if (waiting > this.maxQueued || (waiting > 1 && this.#keptCharacters > this.maxQueuedCharacters)) {
      this.on.overflow();
      return;
    }
    if (this.#socket && this.#open) this.#queue(record);
  }

  /** Takes over a fresh connection (dropping an older one) and reads what `head` already holds. */
  attach(socket: Socket, head: Buffer): void {
    this.detach('replaced by a newer connection', false);
    this.#socket = socket;
    this.#open = false;
    this.#decoder = new RecordDecoder(LINE_MAX_RECORD_BYTES);
    this.#outbox = [];
    // The greeting acknowledges all that came over the former connection.
    this.#unacknowledged = 0;
    const now = this.clock.monotonicMs();
    this.#lastReceivedMs = now;
    this.#lastSentMs = now;
    this.#lastTickMs = now;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#read(socket, chunk));
    socket.on('error', (error) => this.#lost(socket, error.message));
    socket.on('close', () => this.#lost(socket, 'connection closed'));
    this.#ticker = this.clock.every(LINE_HEARTBEAT_MS, () => this.#tick());
    if (head.length > 0) this.#read(socket, head);
  }

  greet(frame: Frame): void {
    this.#queue(encodeRecord(JSON.stringify(frame)));
  }

  /** After both greetings: drop what the peer has, resend the rest. */
  resume(peerReceived: number): void {
    this.#open = true;
    this.#acknowledged(peerReceived);
    for (let i = this.#keptFrom; i < this.#kept.length; i++) {
      const kept = this.#kept[i];
      if (kept) this.#queue(kept.record);
    }
  }

  detach(reason: string, tell = true): void {
    const socket = this.#socket;
    if (!socket) return;
    this.#socket = undefined;
    this.#ticker?.cancel();
    this.#ticker = undefined;
    socket.destroy();
    if (tell) this.on.lost(reason);
  }

  /** Lets go of the connection without closing it: another core takes it over. */
  release(): void {
    this.#ticker?.cancel();
    this.#ticker = undefined;
    this.#socket?.removeAllListeners('data').removeAllListeners('close').removeAllListeners('error');
    this.#socket = undefined;
  }

  #read(socket: Socket, chunk: Buffer): void {
    if (socket !== this.#socket) return;
    this.#lastReceivedMs = this.clock.monotonicMs();
    let records: string[];
    try {
      records = this.#decoder.push(chunk);
      for (const record of records) {
        this.#frame(JSON.parse(record) as Frame);
        if (socket !== this.#socket) return;
      }
    } catch (error) {
      this.detach(`broken stream: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  #frame(frame: Frame): void {
    if (frame.a !== undefined) this.#acknowledged(frame.a);
    if (frame.hello !== undefined || frame.welcome !== undefined) this.on.greeting(frame);
    if (frame.s === undefined) return;
    if (frame.s <= this.#received) return;
    if (frame.s !== this.#received + 1) {
      this.detach(`sequence gap: got ${frame.s} after ${this.#received}`);
      return;
    }
    this.#received = frame.s;
    this.#unacknowledged += 1;
    if (this.#unacknowledged >= ACK_AT_ONCE) this.#scheduleFlush();
    else this.#ackTimer ??= this.clock.after(ACK_DELAY_MS, () => this.#flush());
    this.on.message(frame.m);
  }

  #acknowledged(seq: number): void {
    for (let kept = this.#kept[this.#keptFrom]; kept && kept.seq <= seq; kept = this.#kept[this.#keptFrom]) {
      this.#keptCharacters -= kept.record.length;
      this.#kept[this.#keptFrom] = ACKNOWLEDGED;
      this.#keptFrom++;
    }
    if (this.#keptFrom > 1024 && this.#keptFrom * 2 > this.#kept.length) {
      this.#kept = this.#kept.slice(this.#keptFrom);
      this.#keptFrom = 0;
    }
  }

  #queue(record: string): void {
    this.#outbox.push(record);
    this.#scheduleFlush();
  }

  #scheduleFlush(): void {
    if (this.#flushQueued) return;
    this.#flushQueued = true;
    setImmediate(() => this.#flush());
  }

  #flush(): void {
    this.#flushQueued = false;
    this.#ackTimer?.cancel();
    this.#ackTimer = undefined;
    const socket = this.#socket;
    if (!socket) return;
    let text = this.#outbox.join('');
    this.#outbox = [];
    if (this.#unacknowledged > 0) {
      this.#unacknowledged = 0;
      text += encodeRecord(`{"a":${this.#received}}`);
    }
    if (text === '') return;
    this.#lastSentMs = this.clock.monotonicMs();
    socket.write(text);
  }

  #tick(): void {
    const now = this.clock.monotonicMs();
    // A process that was stopped declares nobody dead: give the peer a whole period after our own pause.
    if (now - this.#lastTickMs > 2 * LINE_HEARTBEAT_MS) this.#lastReceivedMs = now;
    this.#lastTickMs = now;
    if (now - this.#lastReceivedMs > LINE_SILENCE_MS) {
      this.detach(`silent for ${Math.round(now - this.#lastReceivedMs)} ms`);
      return;
    }
    if (now - this.#lastSentMs >= LINE_HEARTBEAT_MS - 100) this.#queue(encodeRecord('{"h":1}'));
  }

  #lost(socket: Socket, reason: string): void {
    if (socket === this.#socket) this.detach(reason);
  }
}
