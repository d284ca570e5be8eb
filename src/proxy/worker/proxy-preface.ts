import type { Socket } from 'node:net';
import { ProxyHeaderRefused, readProxyHeader, writeProxyHeader } from '../decide/proxy-header.js';
import type { Service } from '../table.js';
import { type ClientFacts, clientFacts, plainAddress } from './client-facts.js';
import type { DataPlane } from './data-plane.js';
import type { DeadlineQueue, Expiring } from './deadlines.js';
import { AccessGate } from './http/rules/access-gate.js';
import type { LiveService } from './live-service.js';

const ENDS = ['end', 'error', 'close'] as const;

/**
 * Reads the PROXY header that a connection must begin with. Then `onRead` gets who the client is, with the socket paused and all
 * else still in it; a header that is none, or does not come in time, ends the connection without a word.
 */
export class ProxyPreface implements Expiring {
  queue: DeadlineQueue | undefined;
  previous: Expiring | undefined;
  next: Expiring | undefined;
  dueMs = 0;
  /** A connection that nothing was asked on yet; but it is not resting either. */
  readonly idle = false;
  #bytes: Buffer | undefined;
  #over = false;

  constructor(
    readonly socket: Socket,
    deadline: DeadlineQueue,
    private readonly on: {
      read(facts: ClientFacts): void;
      /** It ended before that; `reason`: what was wrong with the header, if that was it. */
      failed(reason: string | undefined): void;
    },
  ) {
    deadline.wait(this);
    socket.on('data', this.#received);
    for (const event of ENDS) socket.on(event, this.#ended);
  }

  readonly #received = (chunk: Buffer): void => {
    const bytes = this.#bytes ? Buffer.concat([this.#bytes, chunk]) : chunk;
    this.#bytes = bytes;
    try {
      const header = readProxyHeader(bytes);
      if (!header) return;
      const { source, destination, length } = header;
      const own = clientFacts(this.socket);
      this.#leave();
      this.socket.pause();
      if (length < bytes.length) this.socket.unshift(bytes.subarray(length));
      this.on.read(source && destination ? { ...source, destination } : own);
    } catch (error) {
      if (!(error instanceof ProxyHeaderRefused)) throw error;
      this.#fail(error.message);
    }
  };

  readonly #ended = (): void => this.#fail(undefined);

  close(): void {
    this.#fail(undefined);
  }

  expired(): void {
    this.#fail('the PROXY header did not come in time');
  }

  #fail(reason: string | undefined): void {
    if (this.#over) return;
    this.#leave();
    this.socket.on('error', () => this.socket.destroy());
    this.socket.destroy();
    this.on.failed(reason);
  }

  #leave(): void {
    this.#over = true;
    this.queue?.leave(this);
    // One by one: removing all at once would let a paused stream flow on.
    this.socket.removeListener('data', this.#received);
    for (const event of ENDS) this.socket.removeListener(event, this.#ended);
  }
}

/** What servers of this service are sent first on a connection for this client; undefined: nothing. */
export function prefaceFor(service: Service, client: ClientFacts, socket: Socket): Buffer | undefined {
  const version = service.proxyProtocol?.send;
  if (version === undefined) return undefined;
  const destination = client.destination ?? {
    address: plainAddress(socket.localAddress),
    port: socket.localPort ?? service.servicePort,
  };
  return writeProxyHeader(version, client, destination);
}

/**
 * Whether a connection begins with a PROXY header: on a service port when the service says so, on a shared port when the peer is
 * one of the load balancers in front of us. Never guessed from what comes (the protocol forbids it).
 */
export function expectsPreface(service: LiveService | undefined, plane: DataPlane, socket: Socket): boolean {
  if (service) return service.service.proxyProtocol?.accept === true;
  return plane.prefacedFrom?.admits(plainAddress(socket.remoteAddress)) ?? false;
}

/** The load balancers in front of us, from their addresses and CIDR blocks. */
export function prefacedFrom(blocks: readonly string[] = []): Pick<DataPlane, 'prefacedFrom'> {
  return blocks.length === 0 ? {} : { prefacedFrom: new AccessGate({ allow: blocks }) };
}
