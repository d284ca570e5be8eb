import type { Request } from 'express';
import type { Clock } from '../../util/clock.js';

/** After a refusal the rest of a body is taken and dropped for so long ... */
const LINGER_MS = 2_000;
/** ... and up to so many bytes. */
const LINGER_BYTES = 64 * 1024 * 1024;

/**
 * Takes and drops what is left of a refused request's body, so that the client gets to read the answer: closing at
 * once, with its bytes unread, would reset the connection under it. A client that sends on and on is cut off.
 */
export function dropRest(request: Request, clock: Clock): void {
  if (request.complete || request.destroyed) return;
  let dropped = 0;
  const cut = (): void => void request.socket.destroy();
  const timer = clock.after(LINGER_MS, cut);
  request.on('error', () => timer.cancel());
  request.on('data', (chunk: Buffer) => {
    dropped += chunk.length;
    if (dropped > LINGER_BYTES) cut();
  });
  request.on('close', () => timer.cancel());
  request.resume();
}
