import { createSocket, type RemoteInfo, type Socket as UdpSocket } from 'node:dgram';
import { createServer, type Server, type Socket } from 'node:net';
import { type DecodedPacket, decode, encode, type OptAnswer, type Packet } from 'dns-packet';
import type { Log } from '../logging/log.js';
import type { Clock } from '../util/clock.js';
import type { Dice } from '../util/ids.js';
import { ListenError, listen } from '../util/listen.js';
import { portOwner } from '../util/port-owner.js';
import { type RespondSettings, refusal, respond, responseCodes, TRUNCATED } from './decide/respond.js';
import type { Forwarder } from './forwarder.js';
import type { Zone } from './zone.js';

/** What a client may get over UDP that says nothing of its own bound (RFC 1035, 4.2.1). */
const PLAIN_UDP_BYTES = 512;
/** Most that is sent over UDP: larger messages are cut into fragments on many networks. */
const MAX_UDP_BYTES = 1_232;
const MAX_TCP_CONNECTIONS = 200;
/** A connection without a question is ended after this (RFC 7766, 6.2.3 advises seconds). */
const TCP_IDLE_MS = 10_000;
/** Questions of one connection that are being answered. */
const MAX_PIPELINED = 16;
/** Answers that a connection has not taken, above which it is asked nothing more. */
const MAX_UNREAD_BYTES = 128 * 1024;
/** The longest message (RFC 1035, 4.2.2). */
const MAX_TCP_BYTES = 65_535;
/** Bound for UDP after TCP found a free port: so many attempts. */
const FREE_PORT_ATTEMPTS = 20;

export interface DnsServerOptions {
  readonly zone: Zone;
  readonly address: string;
  /** 0 = any that is free for both UDP and TCP. */
  readonly port: number;
  readonly ttl: number;
  /** Asks other servers about names outside the domain; absent: such questions are refused. */
  readonly forwarder?: Forwarder;
  readonly clock: Clock;
  readonly dice: Dice;
  readonly log: Log;
}

/** Questions since the start, by what became of them. */
export interface DnsCounts {
  answered: number;
  forwarded: number;
  failed: number;
  malformed: number;
}

/** Answers DNS questions over UDP and TCP: from the zone, or through the forwarder. */
export class DnsServer {
  readonly counts: DnsCounts = { answered: 0, forwarded: 0, failed: 0, malformed: 0 };
  readonly #sockets = new Set<Socket>();
  readonly #settings: RespondSettings;
  #udp: UdpSocket | undefined;
  #tcp: Server | undefined;

  constructor(private readonly options: DnsServerOptions) {
    const { ttl, forwarder, dice } = options;
    this.#settings = {
      ttl,
      recursion: forwarder !== undefined,
      shuffle: (values) => shuffled(values, dice),
    };
  }

  /** Resolves with the port. Rejects with a sentence when it is taken. */
  async start(): Promise<number> {
    const { address, port } = this.options;
    for (let attempt = 1; ; attempt++) {
      const tcp = createServer((socket) => this.#accept(socket));
      tcp.maxConnections = MAX_TCP_CONNECTIONS;
      const bound = await listen(tcp, { address, port, what: 'DNS', flag: '--dns-port' });
      try {
        this.#udp = await this.#bindUdp(bound);
        this.#tcp = tcp;
        return bound;
      } catch (error) {
        tcp.close();
        if (port !== 0 || attempt >= FREE_PORT_ATTEMPTS) throw error;
      }
    }
  }

  #bindUdp(port: number): Promise<UdpSocket> {
    const { address, log } = this.options;
    const udp = createSocket(address.includes(':') ? 'udp6' : 'udp4');
    return new Promise((resolve, reject) => {
      udp.once('error', (error) => {
        udp.close();
        const owner = portOwner(port) ?? 'another process';
        reject(
          new ListenError(
            `UDP port ${port} for DNS is taken by ${owner} (${error.message}); choose another with --dns-port (0 = any free one)`,
          ),
        );
      });
      udp.bind(port, address, () => {
        udp.removeAllListeners('error');
        // A client that is gone makes the kernel report errors here: they concern nobody else.
        udp.on('error', (error) => log.debug('a DNS answer could not be sent', { error: error.message }));
        udp.on('message', (message, from) => void this.#onDatagram(message, from));
        resolve(udp);
      });
    });
  }

  async #onDatagram(message: Buffer, from: RemoteInfo): Promise<void> {
    // Port 0 is nobody's: such a sender wants no answer (RFC 768), or is a forgery.
    const query = from.port === 0 ? undefined : this.#read(message);
    if (!query) return;
    const reply = await this.#reply(query, message, udpLimit(query));
    if (reply) this.#udp?.send(reply, from.port, from.address);
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket);
    let received = Buffer.alloc(0);
    let waiting = 0;
    socket.setTimeout(TCP_IDLE_MS, () => socket.destroy());
    socket.on('close', () => this.#sockets.delete(socket));
    // A client may leave at any time; nothing is lost with it.
    socket.on('error', () => socket.destroy());
    /** Begins with what has come. Whoever does not take his answers, or asks faster than they come, is not read on. */
    const next = (): void => {
      while (!socket.destroyed) {
        if (received.length < 2 || received.length < 2 + received.readUInt16BE(0)) {
          socket.resume();
          return;
        }
        if (waiting >= MAX_PIPELINED || socket.writableLength > MAX_UNREAD_BYTES) {
          socket.pause();
          return;
        }
        const message = received.subarray(2, 2 + received.readUInt16BE(0));
        received = received.subarray(2 + message.length);
        const query = this.#read(message);
        if (!query) {
          socket.destroy();
          return;
        }
        waiting += 1;
        void this.#reply(query, message, MAX_TCP_BYTES).then((reply) => {
          waiting -= 1;
          if (socket.destroyed) return;
          if (reply) {
            const length = Buffer.alloc(2);
            length.writeUInt16BE(reply.length);
            socket.write(Buffer.concat([length, reply]));
          }
          next();
        });
      }
    };
    socket.on('drain', next);
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      next();
    });
  }

  /** Undefined for what is no question: it is not answered, lest two servers answer each other for ever. */
  #read(message: Buffer): DecodedPacket | undefined {
    try {
      const packet = decode(message);
      if (packet.type === 'query') return packet;
    } catch {
      // Counted below: what cannot be read says nothing that could be answered.
    }
    this.counts.malformed += 1;
    return undefined;
  }

  async #reply(query: DecodedPacket, message: Buffer, limit: number): Promise<Buffer | undefined> {
    const { zone, forwarder, log } = this.options;
    try {
      const response = respond(query, zone, this.#settings);
      if (response.kind === 'answer') {
        this.counts.answered += 1;
        return encodeWithin(response.packet, query, limit);
      }
      this.counts.forwarded += 1;
      const foreign = await forwarder?.ask(message);
      if (foreign && foreign.length <= limit) return foreign;
      if (foreign)
        return encodeWithin({ ...refusal(query, 0, this.#settings), flags: TRUNCATED }, query, limit);
    } catch (error) {
      log.warn('a DNS question could not be answered', { error: (error as Error).message });
    }
    this.counts.failed += 1;
    return encode(refusal(query, responseCodes.serverFailure, this.#settings));
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    const closed = [
      new Promise<void>((done) => (this.#udp ? this.#udp.close(() => done()) : done())),
      new Promise<void>((done) => (this.#tcp ? this.#tcp.close(() => done()) : done())),
    ];
    this.#udp = undefined;
    this.#tcp = undefined;
    await Promise.all(closed);
  }
}

const optionOf = (query: DecodedPacket): OptAnswer | undefined =>
  query.additionals?.find((record): record is OptAnswer => record.type === 'OPT');

function udpLimit(query: DecodedPacket): number {
  const asked = optionOf(query)?.udpPayloadSize ?? PLAIN_UDP_BYTES;
  return Math.min(Math.max(asked, PLAIN_UDP_BYTES), MAX_UDP_BYTES);
}

/**
 * The message within `limit` bytes: first without what was not asked for, then cut off, so that the client asks over TCP; there, where
 * nothing more can be had, with as many answers as it holds.
 */
function encodeWithin(packet: Packet, query: DecodedPacket, limit: number): Buffer {
  const option = optionOf(query) ? [optRecord] : [];
  const whole = encode({ ...packet, additionals: [...(packet.additionals ?? []), ...option] });
  if (whole.length <= limit) return whole;
  const bare = encode({ ...packet, additionals: option });
  if (bare.length <= limit) return bare;
  if (limit === MAX_TCP_BYTES) return encodePart({ ...packet, additionals: option }, bare.length);
  return encode({
    ...packet,
    flags: (packet.flags ?? 0) | TRUNCATED,
    answers: [],
    authorities: [],
    additionals: option,
  });
}

/** With the first of its answers, which were shuffled before. `wholeBytes`: its length with all of them. */
function encodePart(packet: Packet, wholeBytes: number): Buffer {
  const answers = packet.answers ?? [];
  let count = Math.floor((answers.length * MAX_TCP_BYTES) / wholeBytes);
  for (;;) {
    const part = encode({ ...packet, answers: answers.slice(0, count) });
    if (part.length <= MAX_TCP_BYTES || count === 0) return part;
    count = Math.floor(count * 0.95);
  }
}

const optRecord = {
  type: 'OPT',
  name: '.',
  udpPayloadSize: MAX_UDP_BYTES,
  extendedRcode: 0,
  ednsVersion: 0,
  flags: 0,
  flag_do: false,
  options: [],
} as OptAnswer;

function shuffled<T>(values: readonly T[], dice: Dice): readonly T[] {
  if (values.length < 2) return values;
  const mixed = [...values];
  for (let i = mixed.length - 1; i > 0; i--) {
    const j = Math.floor(dice.random() * (i + 1));
    [mixed[i], mixed[j]] = [mixed[j] as T, mixed[i] as T];
  }
  return mixed;
}
