import type { Socket } from 'node:dgram';
import type { Log } from '../../../logging/log.js';
import type { Timer } from '../../../util/clock.js';
import { backendName } from '../../decide/names.js';
import type { Service } from '../../table.js';
import type { DataPlane } from '../data-plane.js';
import type { Routes } from '../routes.js';
import type { Binder } from '../service-ports.js';
import { UdpPort } from './udp-port.js';

const FIRST_RETRY_MS = 50;
const LONGEST_RETRY_MS = 2_000;
/** What is tried for less than this is nothing to speak of: an earlier worker needs a moment to let go of its ports. */
const SILENT_RETRY_MS = 1_500;

interface Wanted {
  readonly port: number;
  /** Undefined: the load balancer's own. */
  readonly address: string | undefined;
  readonly name: string;
  /** Services that want it; the last has it. */
  readonly keys: string[];
  open: UdpPort | undefined;
  retry: Timer | undefined;
  pauseMs: number;
}

/**
 * Keeps the ports for datagrams open. Like those for connections their sockets are the parent's, so that what comes while a worker is
 * replaced waits in the kernel; but only one of the workers reads them: datagrams of one client must meet in one process to reach
 * the same server, which a socket that several processes read cannot promise.
 */
export class UdpPorts {
  readonly #wanted = new Map<number, Wanted>();
  readonly #portOf = new Map<string, number>();
  readonly #notServed = new Map<number, string>();
  #closed = false;

  constructor(
    /** Undefined: another worker serves datagrams. */
    private readonly binder: Binder | undefined,
    private readonly routes: () => Routes,
    private readonly plane: DataPlane,
    private readonly log: Log,
    /** Told at each change of what is not served. */
    private readonly onNotServed: () => void,
  ) {}

  get notServed(): ReadonlyMap<number, string> {
    return this.#notServed;
  }

  get open(): readonly UdpPort[] {
    return [...this.#wanted.values()].flatMap(({ open }) => (open ? [open] : []));
  }

  /** A service appeared, changed, or (undefined) is gone. */
  serviceChanged(key: string, service: Service | undefined): void {
    if (this.#closed || this.binder === undefined) return;
    const port = service?.udp !== undefined && service.bindPort ? service.servicePort : undefined;
    const before = this.#portOf.get(key);
    const known = before === undefined ? undefined : this.#wanted.get(before);
    if (before === port && (port === undefined || known?.address === service?.bindAddress)) {
      known?.open?.tableChanged();
      return;
    }
    if (before !== undefined) this.#giveUp(key, before);
    if (port === undefined || !service) return;
    this.#portOf.set(key, port);
    const wanted = this.#wanted.get(port);
    if (wanted) {
      wanted.keys.push(key);
      if (wanted.open) wanted.open.key = key;
      return;
    }
    const { appId, bindAddress: address } = service;
    const name = `${backendName(appId, port)}_udp`;
    this.#wanted.set(port, {
      port,
      address,
      name,
      keys: [key],
      open: undefined,
      retry: undefined,
      pauseMs: 0,
    });
    this.binder.listen(port, address);
  }

  /** The socket is there. False: it is not wanted (there) any more and must be closed by the caller. */
  bound(port: number, socket: Socket, address: string | undefined): boolean {
    const wanted = this.#wanted.get(port);
    const key = wanted?.keys.at(-1);
    if (!wanted || key === undefined || wanted.open || wanted.address !== address) return false;
    const made = new UdpPort(wanted.name, port, key, this.routes(), this.plane, socket, (error) => {
      made.close();
      if (wanted.open !== made) return;
      wanted.open = undefined;
      if (this.#wanted.get(port) === wanted) this.#retry(wanted, error.message);
    });
    wanted.open = made;
    wanted.pauseMs = 0;
    if (!this.#notServed.delete(port)) return true;
    this.log.info('a service port is served for UDP now', { port });
    this.onNotServed();
    return true;
  }

  /** The socket could not be had. */
  notBound(port: number, reason: string, address: string | undefined): void {
    const wanted = this.#wanted.get(port);
    if (wanted && wanted.address === address && !wanted.open) this.#retry(wanted, reason);
  }

  /** Receives nothing any more, for good. */
  close(): void {
    this.#closed = true;
    for (const { open, retry } of this.#wanted.values()) {
      retry?.cancel();
      open?.close();
    }
    this.#wanted.clear();
  }

  #retry(wanted: Wanted, reason: string): void {
    const { port, address } = wanted;
    if (wanted.pauseMs > SILENT_RETRY_MS && this.#notServed.get(port) !== reason) {
      this.#notServed.set(port, reason);
      this.log.warn('a service port is not served for UDP', { port, reason });
      this.onNotServed();
    }
    wanted.pauseMs = Math.min(LONGEST_RETRY_MS, wanted.pauseMs === 0 ? FIRST_RETRY_MS : wanted.pauseMs * 2);
    wanted.retry?.cancel();
    wanted.retry = this.plane.clock.after(wanted.pauseMs, () => this.binder?.listen(port, address));
  }

  #giveUp(key: string, port: number): void {
    this.#portOf.delete(key);
    const wanted = this.#wanted.get(port);
    const at = wanted?.keys.indexOf(key) ?? -1;
    if (!wanted || at < 0) return;
    wanted.keys.splice(at, 1);
    const next = wanted.keys.at(-1);
    if (next !== undefined) {
      if (wanted.open) wanted.open.key = next;
      return;
    }
    this.#wanted.delete(port);
    wanted.retry?.cancel();
    wanted.open?.close();
    this.binder?.drop(port, wanted.address);
    if (this.#notServed.delete(port)) this.onNotServed();
  }
}

/** What is not served of either kind, by port. */
export function joinNotServed(
  tcp: Readonly<Record<number, string>>,
  udp: ReadonlyMap<number, string>,
): Readonly<Record<number, string>> {
  if (udp.size === 0) return tcp;
  const joined: Record<number, string> = { ...tcp };
  for (const [port, reason] of udp) joined[port] = port in tcp ? `${tcp[port]}; ${reason}` : reason;
  return joined;
}
