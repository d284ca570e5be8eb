import { type IncomingMessage, type RequestListener, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Request, Response } from 'express';

/** The connection of a request that asks for a WebSocket, before it was given one. */
interface Offer {
  readonly socket: Duplex;
  /** What came behind the request. */
  readonly head: Buffer;
}

const offers = new WeakMap<IncomingMessage, Offer>();

export function isUpgrade(request: IncomingMessage): boolean {
  return offers.has(request);
}

/**
 * Lets requests for a WebSocket go the way of all others, through every guard, with an answer that is written by hand. A
 * handler that gives the client what it asks for takes the connection; any other answer ends it.
 */
export function upgradeListener(
  listener: RequestListener,
): (request: IncomingMessage, socket: Duplex, head: Buffer) => void {
  return (request, socket, head) => {
    offers.set(request, { socket, head });
    const response = new ServerResponse(request);
    response.shouldKeepAlive = false;
    // A client that goes away meanwhile: the answer's `close` tells those who wait for it.
    socket.on('error', () => undefined);
    response.assignSocket(socket as never);
    response.once('finish', () => {
      response.detachSocket(socket as never);
      socket.end();
    });
    listener(request, response as never);
  };
}

/** Takes the connection from the answer that nobody will write; undefined when the request asked for no WebSocket. */
export function takeConnection(request: Request, response: Response): Offer | undefined {
  const offer = offers.get(request);
  if (!offer) return undefined;
  offers.delete(request);
  response.statusCode = 101;
  response.detachSocket(offer.socket as never);
  // For those who count requests in flight: as a request it is over.
  response.emit('close');
  return offer;
}
