import { createSocket, type Socket } from 'node:dgram';
import type { Clock } from '../../../util/clock.js';
import type { LogSink } from './log-sink.js';
import { monthNames, twoDigits } from './stamps.js';

/** Facility local0, severity informational, as HAProxy's `log ... local0`. */
const PRIORITY = 16 * 8 + 6;
/** Longer datagrams do not pass everywhere. */
const MAX_DATAGRAM_BYTES = 8_192;
/** Sent in one go; then others have a turn. */
const SLICE_LINES = 64;

/** Each line as a datagram to a syslog server (RFC 3164). A server that is not there takes nothing away but the lines. */
export class SyslogSink implements LogSink {
  #socket: Socket | undefined;

  constructor(
    private readonly host: string,
    private readonly port: number,
    private readonly tag: string,
    private readonly clock: Pick<Clock, 'wallMs'>,
  ) {}

  async write(bytes: Buffer): Promise<void> {
    const lines = linesOf(bytes);
    for (let first = 0; first < lines.length; first += SLICE_LINES) {
      const sent = lines.slice(first, first + SLICE_LINES).map((line) => this.#send(line));
      await Promise.all(sent);
    }
  }

  writeLast(bytes: Buffer): void {
    const lines = linesOf(bytes);
    let left = lines.length;
    const socket = this.#open();
    this.#socket = undefined;
    for (const line of lines) {
      socket.send(this.#datagram(line), this.port, this.host, () => {
        left -= 1;
        if (left === 0) socket.close();
      });
    }
  }

  close(): void {
    this.#socket?.close();
    this.#socket = undefined;
  }

  #send(line: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#open().send(this.#datagram(line), this.port, this.host, (error) =>
        error ? reject(error) : resolve(),
      );
    });
  }

  #datagram(line: string): Buffer {
    const at = new Date(this.clock.wallMs());
    const day = String(at.getDate()).padStart(2, ' ');
    const time = `${twoDigits(at.getHours())}:${twoDigits(at.getMinutes())}:${twoDigits(at.getSeconds())}`;
    const head = `<${PRIORITY}>${monthNames[at.getMonth()] ?? ''} ${day} ${time} ${this.tag}: `;
    return Buffer.from(`${head}${line}`).subarray(0, MAX_DATAGRAM_BYTES);
  }

  #open(): Socket {
    if (this.#socket) return this.#socket;
    const socket = createSocket(this.host.includes(':') ? 'udp6' : 'udp4');
    socket.unref();
    // A refusal that came back for an earlier line; the sends say what they need to say themselves.
    socket.on('error', () => {
      if (this.#socket === socket) this.close();
    });
    this.#socket = socket;
    return socket;
  }
}

function linesOf(bytes: Buffer): readonly string[] {
  return bytes.toString().split('\n').slice(0, -1);
}
