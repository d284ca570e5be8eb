import { Socket } from 'node:net';

/** So many sockets hold back at most; then all of them write, in the middle of a turn. */
export const MAX_HOLDING = 64;

/**
 * Writes of one turn of the event loop go out together at its end. Each write of a few hundred bytes wakes whoever waits for it; one
 * right after the other they find him awake, and that is a third of what a request costs. A turn with one event ends at once,
 * so nobody waits who is alone.
 *
 * INVARIANT: what is held back goes out before the turn ends, in the order of the writes, `end` included. Who destroys a socket
 * that should still say what it was given calls `release` before.
 */
export class TurnWrites {
  #holding: Socket[] = [];
  #spare: Socket[] = [];
  #due = false;

  /** Writes latin1 text at the end of the turn. What is written to the socket until then stays behind it. */
  write(socket: Socket, text: string): void {
    this.hold(socket);
    socket.write(text, 'latin1');
    if (this.#holding.length >= MAX_HOLDING) this.#flush();
  }

  /** What is written to the socket from now on goes out at the end of the turn. */
  hold(socket: Socket): void {
    // A stream of HTTP/2 is no socket: those of a connection are gathered by HTTP/2 itself.
    if (socket.writableCorked > 0 || !(socket instanceof Socket)) return;
    socket.cork();
    this.#holding.push(socket);
    if (this.#due) return;
    this.#due = true;
    setImmediate(this.#endTurn);
  }

  /** What the socket holds back goes out now. */
  release(socket: Socket): void {
    if (socket.writableCorked > 0) socket.uncork();
  }

  readonly #endTurn = (): void => {
    this.#due = false;
    this.#flush();
  };

  #flush(): void {
    const sockets = this.#holding;
    this.#holding = this.#spare;
    for (const socket of sockets) socket.uncork();
    sockets.length = 0;
    this.#spare = sockets;
  }
}
