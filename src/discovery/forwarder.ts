import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import type { Resolver } from '../config/resolvers.js';
import type { Clock } from '../util/clock.js';

/** Questions that wait for other servers at once; beyond it they fail. */
const MAX_WAITING = 1_000;
/** So long one server is waited for before the next one is asked. */
const TRY_MS = 1_500;
/** Header bit (RFC 1035, 4.1.1): the answer did not fit and is to be asked for over TCP. */
const isTruncated = (message: Buffer): boolean => (message.readUInt8(2) & 0x02) !== 0;

/** Asks other DNS servers, one after the other, with sockets of its own whose ports nobody can foresee. */
export class Forwarder {
  #waiting = 0;

  constructor(
    private readonly resolvers: readonly Resolver[],
    private readonly clock: Clock,
  ) {}

  get waiting(): number {
    return this.#waiting;
  }

  /** The answer as it came, to the question as it is; undefined when nobody answers in time. */
  async ask(message: Buffer): Promise<Buffer | undefined> {
    if (this.#waiting >= MAX_WAITING) return undefined;
    this.#waiting += 1;
    try {
      for (const resolver of this.resolvers) {
        const answer = await this.#overUdp(message, resolver);
        if (answer && !isTruncated(answer)) return answer;
        const whole = answer && (await this.#overTcp(message, resolver));
        if (whole) return whole;
      }
      return undefined;
    } finally {
      this.#waiting -= 1;
    }
  }

  #overUdp(message: Buffer, { address, port }: Resolver): Promise<Buffer | undefined> {
    return new Promise((resolve) => {
      const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
      const end = (answer?: Buffer): void => {
        timer.cancel();
        socket.removeAllListeners();
        // A second error of a socket that is being given up concerns nobody.
        socket.on('error', () => undefined);
        socket.close();
        resolve(answer);
      };
      const timer = this.clock.after(TRY_MS, () => end());
      socket.on('error', () => end());
      // Connected: the kernel drops what others send; and only the answer to this very question counts.
      // Without a callback, which would be given errors (no way there) that nobody else hears of.
      socket.once('connect', () => socket.send(message));
      socket.connect(port, address);
      socket.on('message', (answer) => {
        if (answer.length >= 12 && answer.readUInt16BE(0) === message.readUInt16BE(0)) end(answer);
      });
    });
  }

  #overTcp(message: Buffer, { address, port }: Resolver): Promise<Buffer | undefined> {
    return new Promise((resolve) => {
      const socket = connect(port, address);
      let received = Buffer.alloc(0);
      const end = (answer?: Buffer): void => {
        timer.cancel();
        socket.destroy();
        resolve(answer);
      };
      const timer = this.clock.after(TRY_MS, () => end());
      socket.on('error', () => end());
      socket.on('close', () => end());
      socket.on('connect', () => {
        const length = Buffer.alloc(2);
        length.writeUInt16BE(message.length);
        socket.write(Buffer.concat([length, message]));
      });
      socket.on('data', (chunk: Buffer) => {
        received = Buffer.concat([received, chunk]);
        if (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0))
          end(received.subarray(2, 2 + received.readUInt16BE(0)));
      });
    });
  }
}
