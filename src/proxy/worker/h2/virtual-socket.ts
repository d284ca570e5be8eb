import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';

/** Bytes that wait on either side before whoever writes them is asked to pause. */
const HIGH_WATER_BYTES = 64 * 1024;

/**
 * One end of a connection that speaks HTTP/1.1 and is in truth one stream of an HTTP/2 connection. Sessions and exchanges
 * use it like a socket, so that every rule, limit, counter and log line of HTTP/1.1 holds for HTTP/2 as well.
 */
export abstract class VirtualSocket extends Duplex {
  constructor() {
    super({
      allowHalfOpen: true,
      decodeStrings: true,
      readableHighWaterMark: HIGH_WATER_BYTES,
      writableHighWaterMark: HIGH_WATER_BYTES,
    });
  }

  /** Where a socket would be reset, the stream is. */
  resetAndDestroy(): this {
    this.destroy();
    return this;
  }

  /** For code that takes sockets: of them it uses what streams have, `resetAndDestroy`, and addresses that it is given otherwise. */
  get asSocket(): Socket {
    return this as unknown as Socket;
  }

  /** Bytes for whoever reads HTTP/1.1 here; false: pause the source until `_read`. */
  protected give(text: string | Buffer): boolean {
    return this.push(typeof text === 'string' ? Buffer.from(text, 'latin1') : text);
  }
}
