import { getSystemErrorName } from 'node:util';
import type { Log } from '../../../logging/log.js';
import type { Timer } from '../../../util/clock.js';
import { backendName } from '../../decide/names.js';
import type { Service } from '../../table.js';
import type { DataPlane } from '../data-plane.js';
import type { Routes } from '../routes.js';
import { UdpPort } from './udp-port.js';

const FIRST_RETRY_MS = 50;
const LONGEST_RETRY_MS = 2_000;
/** What is tried for less than this is nothing to speak of: an earlier worker needs a moment to let go of its ports. */
const SILENT_RETRY_MS = 1_500;

interface Wanted {
  readonly port: number;
  readonly address: string;
  /** Services that want it; the last has it. */
  readonly keys: string[];
  open: UdpPort | undefined;
  retry: Timer | undefined;
  pauseMs: number;
}

/**
 * Keeps the ports for datagrams open. A worker binds them itself, and only one of the workers does: datagrams of one client must
 * meet in one process to reach the same server, which a socket that several processes read cannot promise.
 */
export class UdpPorts {
  readonly #wanted = new Map<number, Wanted>();
  readonly #portOf = new Map<string, number>();
  readonly #notServed = new Map<number, string>();
  #closed = false;

  constructor(
    /** Where services are bound that do not say; undefined: another worker serves datagrams. */
    private readonly address: string | undefined,
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
    if (this.#closed || this.address === undefined) return;
    const port = service?.udp !== undefined && service.bindPort ? service.servicePort : undefined;
    const address = service?.bindAddress ?? this.address;
    const before = this.#portOf.get(key);
    const known = before === undefined ? undefined : this.#wanted.get(before);
    if (before === port && (port === undefined || known?.address === address)) {
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
    const made = { port, address, keys: [key], open: undefined, retry: undefined, pauseMs: 0 };
    this.#wanted.set(port, made);
    void this.#open(made, backendName(service.appId, port));
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

  async #open(wanted: Wanted, name: string): Promise<void> {
    const { port, address } = wanted;
    const key = wanted.keys.at(-1);
    if (this.#wanted.get(port) !== wanted || key === undefined) return;
    const again = (reason: string): void => {
      wanted.open = undefined;
      if (this.#wanted.get(port) === wanted) this.#retry(wanted, name, reason);
    };
    const made = new UdpPort(`${name}_udp`, port, address, key, this.routes(), this.plane, (error) => {
      made.close();
      again(error.message);
    });
    wanted.open = made;
    try {
      await made.open();
    } catch (error) {
      made.close();
      again(reasonOf(error, address, port));
      return;
    }
    if (this.#wanted.get(port) !== wanted) {
      made.close();
      return;
    }
    wanted.pauseMs = 0;
    made.key = wanted.keys.at(-1) ?? key;
    if (!this.#notServed.delete(port)) return;
    this.log.info('a service port is served for UDP now', { port });
    this.onNotServed();
  }

  #retry(wanted: Wanted, name: string, reason: string): void {
    const { port } = wanted;
    if (wanted.pauseMs > SILENT_RETRY_MS && this.#notServed.get(port) !== reason) {
      this.#notServed.set(port, reason);
      this.log.warn('a service port is not served for UDP', { port, reason });
      this.onNotServed();
    }
    wanted.pauseMs = Math.min(LONGEST_RETRY_MS, wanted.pauseMs === 0 ? FIRST_RETRY_MS : wanted.pauseMs * 2);
    wanted.retry = this.plane.clock.after(wanted.pauseMs, () => void this.#open(wanted, name));
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
    if (this.#notServed.delete(port)) this.onNotServed();
  }
}

function reasonOf(error: unknown, address: string, port: number): string {
  const { errno } = error as NodeJS.ErrnoException;
  const code = errno !== undefined && errno < 0 ? getSystemErrorName(errno) : undefined;
  if (code === 'EADDRINUSE') return `UDP port ${port} is taken by another process`;
  if (code === 'EACCES') return `UDP port ${port} needs more rights than this user has`;
  if (code === 'EADDRNOTAVAIL') return `address ${address} is not one of this machine's`;
  return error instanceof Error ? error.message : String(error);
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
