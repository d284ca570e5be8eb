import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { readClientHello } from '../../decide/client-hello.js';
import type { TlsFacts } from '../client-facts.js';
import type { DeadlineQueue, DeadlineSet, Expiring } from '../deadlines.js';
import type { TlsTerms } from './certificate-shelf.js';

const ENDS = ['end', 'error', 'close'] as const;
const MAX_SUBJECT_LENGTH = 512;

/** A client speaks TLS with us now. */
export interface Secured {
  readonly socket: TLSSocket;
  readonly facts: TlsFacts;
  /** What it wants to speak (ALPN). */
  readonly speaks: 'h2' | 'http/1.1';
}

export interface TlsHandshakeOptions {
  readonly deadlines: DeadlineSet;
  /** With what to answer a client that asks for this name; undefined: not at all. */
  terms(serverName: string): TlsTerms | undefined;
  secured(secured: Secured): void;
  /** Nothing came of it; the connection is closed. */
  failed(reason: string): void;
}

/**
 * The beginning of a TLS connection: reads the client's hello, chooses the certificate, and lets Node's TLS do the rest.
 *
 * INVARIANTS
 * - Exactly one of `secured` and `failed` is called; until then the connection waits in one deadline queue.
 * - A client that must show a certificate and shows none, or one of another authority, is not let in.
 */
export class TlsHandshake implements Expiring {
  queue: DeadlineQueue | undefined;
  previous: Expiring | undefined;
  next: Expiring | undefined;
  dueMs = 0;
  #pending: Buffer | undefined;
  #over = false;

  constructor(
    readonly socket: Socket,
    private readonly options: TlsHandshakeOptions,
  ) {
    options.deadlines.httpRequest.wait(this);
    socket.on('data', this.#received);
    for (const event of ENDS) socket.on(event, this.#gone);
  }

  get idle(): boolean {
    return true;
  }

  close(): void {
    this.#fail('the load balancer ends');
  }

  expired(): void {
    this.#fail('the handshake took too long');
  }

  readonly #gone = (): void => this.#fail('the client went away');

  readonly #received = (chunk: Buffer): void => {
    const bytes = this.#pending ? Buffer.concat([this.#pending, chunk]) : chunk;
    this.#pending = bytes;
    const hello = readClientHello(bytes);
    if (hello === 'more') return;
    if (hello === 'broken') {
      this.#fail('what it says is no TLS');
      return;
    }
    const terms = this.options.terms(hello.serverName);
    if (!terms) {
      this.#fail(`there is no certificate for ${hello.serverName || 'clients that name no host'}`);
      return;
    }
    this.#begin(bytes, hello.serverName, terms);
  };

  #begin(hello: Buffer, serverName: string, { endpoint, authorities }: TlsTerms): void {
    const { socket } = this;
    this.#pending = undefined;
    // One by one: removing all at once would let a paused stream flow on.
    socket.removeListener('data', this.#received);
    for (const event of ENDS) socket.removeListener(event, this.#gone);
    socket.on('error', () => socket.destroy());
    socket.pause();
    socket.unshift(hello);
    endpoint.greet(socket, {
      secured: (secure) => this.#secured(secure, serverName, authorities),
      failed: (reason) => this.#fail(reason),
    });
  }

  #secured(secure: TLSSocket, serverName: string, authorities: readonly string[] | undefined): void {
    if (this.#over) {
      secure.destroy();
      return;
    }
    this.#over = true;
    this.queue?.leave(this);
    const { socket } = this;
    // A TLS connection cannot be reset; the one below it can.
    secure.resetAndDestroy = (): TLSSocket => {
      if (!socket.destroyed) socket.resetAndDestroy();
      return secure.destroy();
    };
    const { name } = secure.getCipher();
    this.options.secured({
      socket: secure,
      facts: {
        serverName,
        protocol: secure.getProtocol() ?? 'TLS',
        cipher: name,
        ...(authorities && { ...clientOf(secure), clientAuthorities: authorities }),
      },
      speaks: secure.alpnProtocol === 'h2' ? 'h2' : 'http/1.1',
    });
  }

  #fail(reason: string): void {
    if (this.#over) return;
    this.#over = true;
    this.queue?.leave(this);
    this.#pending = undefined;
    this.socket.on('error', () => undefined);
    this.socket.destroy();
    this.options.failed(reason);
  }
}

/** Who the client is, by the certificate that was verified. */
function clientOf(socket: TLSSocket): Pick<TlsFacts, 'clientSubject' | 'clientName'> {
  const { subject } = socket.getPeerCertificate();
  const parts = Object.entries(subject).map(([key, value]) => `${key}=${[value].flat().join('+')}`);
  return {
    clientSubject: printable(parts.reverse().join(',')),
    clientName: printable([subject.CN].flat().join('+')),
  };
}

/** Of a subject that anybody may have chosen: never more than one line of a header. */
function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?').slice(0, MAX_SUBJECT_LENGTH);
}
