import type { ExchangeClient } from './exchange-client.js';
import type { UpstreamConnection } from './upstream-connection.js';

/** What whose turn it is depends on. */
export interface Standing {
  /** The whole request has come. */
  readonly requestEnded: boolean;
  readonly responseStarted: boolean;
  /** The connection that was sent the head; undefined: none yet. */
  readonly upstream: UpstreamConnection | undefined;
}

/** Holds back the side that is ahead of the other, and knows whose turn it is: the silence of that side is measured. */
export class Turns {
  /** The server (or our own memory) must take what is there before the client may send more. */
  #clientPaused = false;
  /** The client must take what is there before the server may send more. */
  #serverPaused = false;

  constructor(
    private readonly client: ExchangeClient,
    /** The client waits for the server's word before it sends its body. */
    private awaitsContinue: boolean,
  ) {}

  /** The client sent some of its body, or the server said something. */
  spoke(): void {
    this.awaitsContinue = false;
  }

  pauseClient(): void {
    this.#clientPaused = true;
    this.client.pauseReading();
  }

  resumeClient(): void {
    this.#clientPaused = false;
    this.client.resumeReading();
  }

  get clientPaused(): boolean {
    return this.#clientPaused;
  }

  pauseServer(upstream: UpstreamConnection): void {
    this.#serverPaused = true;
    upstream.socket.pause();
  }

  resumeServer(upstream: UpstreamConnection | undefined): void {
    this.#serverPaused = false;
    upstream?.socket.resume();
  }

  /** To be called whenever something has moved. */
  watch({ requestEnded, responseStarted, upstream }: Standing): void {
    const uploading = !requestEnded && !this.#clientPaused && !this.awaitsContinue;
    this.client.expect(uploading || this.#serverPaused);
    upstream?.expect(!this.#serverPaused && (!uploading || responseStarted));
  }
}
