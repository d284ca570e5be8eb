import { IncomingMessage } from 'node:http';

const offered = Symbol('offered');

interface Offered extends IncomingMessage {
  [offered]?: unknown;
}

/**
 * A request of an http server that speaks WebSocket and nothing else besides HTTP/1.1. Node gives every request that offers any
 * other protocol to whoever listens for upgrades, its body unread; but clients offer HTTP/2 with plain requests (Java's do,
 * always), and a server is free to ignore that (RFC 9110 section 7.8). Only a GET that asks for a WebSocket counts as an upgrade here.
 * For `createServer({ IncomingMessage: UpgradableRequest })`.
 */
export class UpgradableRequest extends IncomingMessage {}

// Node's own class assigns the member while it is made, before this class could have a field: hence the prototype's accessor.
Object.defineProperty(UpgradableRequest.prototype, 'upgrade', {
  configurable: true,
  get(this: Offered): unknown {
    return this[offered] && isWebSocket(this);
  },
  set(this: Offered, value: unknown) {
    this[offered] = value;
  },
});

function isWebSocket({ method, headers }: IncomingMessage): boolean {
  return method === 'GET' && headers.upgrade?.toLowerCase() === 'websocket';
}
