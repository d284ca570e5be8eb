import { IncomingMessage } from 'node:http';

const offered = new WeakMap<IncomingMessage, unknown>();

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
  get(this: IncomingMessage): unknown {
    return offered.get(this) && isWebSocket(this);
  },
  set(this: IncomingMessage, value: unknown) {
    offered.set(this, value);
  },
});

function isWebSocket({ method, headers }: IncomingMessage): boolean {
  return method === 'GET' && headers.upgrade?.toLowerCase() === 'websocket';
}
