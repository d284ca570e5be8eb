import { constants } from 'node:crypto';
import type { Socket } from 'node:net';
import { Server, type TLSSocket } from 'node:tls';

export interface EndpointOptions {
  /** PEM: the certificate with its chain, and its key. */
  readonly certificate: string;
  readonly privateKey: string;
  /** PEM of the authorities of which clients must show a certificate; absent: they show none. */
  readonly clientAuthorities?: readonly string[];
  /** What may be spoken within TLS (ALPN); empty: no choice is offered. */
  readonly protocols: readonly string[];
  /** 48 bytes; who has them can resume what another worker began. */
  readonly ticketKeys?: Buffer;
}

/** Whose handshake it is. */
export interface Greeter {
  secured(socket: TLSSocket): void;
  failed(reason: string): void;
}

/**
 * Node's TLS with one certificate, for connections that are there already.
 *
 * Who must show a certificate does so at each connection: nothing is resumed there, so that what one authority's word was
 * taken for is never taken for another's.
 */
export class TlsEndpoint {
  readonly #server: Server;
  /** Node tells of a handshake's end by its TLS socket only; addresses find whose it is. */
  readonly #greeters = new Map<string, Greeter>();

  /** Throws when certificate and key do not fit together or cannot be read. */
  constructor(options: EndpointOptions) {
    const { clientAuthorities, ticketKeys } = options;
    const verified = clientAuthorities !== undefined;
    this.#server = new Server({
      cert: options.certificate,
      key: options.privateKey,
      minVersion: 'TLSv1.2',
      honorCipherOrder: true,
      ...(options.protocols.length > 0 && { ALPNProtocols: [...options.protocols] }),
      ...(verified && {
        ca: [...clientAuthorities],
        requestCert: true,
        rejectUnauthorized: true,
        secureOptions: constants.SSL_OP_NO_TICKET,
        sessionIdContext: 'clients',
      }),
      ...(!verified && ticketKeys && { ticketKeys }),
    });
    this.#server.on('secureConnection', (socket) => {
      const greeter = this.#take(socket);
      if (greeter && (!verified || socket.authorized)) greeter.secured(socket);
      else socket.destroy();
    });
    this.#server.on('tlsClientError', (error, socket) => {
      this.#take(socket)?.failed(error.message);
      socket.destroy();
    });
  }

  /** Begins the handshake on a connection; what was read of it already has been put back (unshift). */
  greet(socket: Socket, greeter: Greeter): void {
    const key = keyOf(socket);
    this.#greeters.set(key, greeter);
    socket.on('close', () => {
      if (this.#greeters.get(key) !== greeter) return;
      this.#greeters.delete(key);
      greeter.failed('the client went away');
    });
    this.#server.emit('connection', socket);
  }

  #take(socket: Socket): Greeter | undefined {
    const key = keyOf(socket);
    const greeter = this.#greeters.get(key);
    this.#greeters.delete(key);
    return greeter;
  }
}

function keyOf({ remoteAddress, remotePort, localPort }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localPort}`;
}
