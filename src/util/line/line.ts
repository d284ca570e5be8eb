/**
 * A line: one authenticated, resumable, ordered stream of JSON messages each way between two of our processes.
 * The client dials `POST <path>` on the server with `Authorization: Bearer <token>`; both bodies are RecordIO
 * (decimal length, newline, that many bytes of JSON). Every message carries a sequence number and is kept until the
 * peer acknowledged it; after a broken connection the same line goes on where it stopped, nothing lost, nothing twice.
 * When the peer's process is a new one (another line id) the line starts afresh and `onReset` says so.
 */
export interface LineEnd<Out> {
  /**
   * Queues a message; delivered once, in order, as long as both processes live. Messages sent in one turn of the event
   * loop travel in one write. The queue of unacknowledged messages is bounded (`maxQueued`); beyond it the line is reset.
   */
  send(message: Out): void;
  readonly connected: boolean;
  close(): void;
}

export interface LineHandlers<In> {
  onMessage(message: In): void;
  /** A new line: whatever was sent or received before on an older one is void. Called before the first message. */
  onReset(): void;
  onConnected?(): void;
  onDisconnected?(reason: string): void;
}

/** Said once by the client at each connect. */
export interface LineHello {
  readonly protocolVersion: number;
  /** Made anew by each client process. */
  readonly lineId: string;
  /** Who dials (agent's work dir instance id, proxy id). */
  readonly peer: string;
}

/** A line as the server sees it, handed out at its first connect. */
export interface AcceptedLine<In, Out> extends LineEnd<Out> {
  readonly hello: LineHello;
  readonly remoteAddress: string;
  handlers: LineHandlers<In>;
}
