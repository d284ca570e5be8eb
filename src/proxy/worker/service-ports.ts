import type { Log } from '../../logging/log.js';
import type { Clock, Timer } from '../../util/clock.js';
import { backendName } from '../decide/names.js';
import type { Service } from '../table.js';
import type { Bound, IngressPort } from './ingress.js';

/** Whoever binds sockets for this worker. */
export interface Binder {
  listen(port: number): void;
  drop(port: number): void;
}

const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 30_000;

interface Wanted {
  readonly key: string;
  readonly name: string;
  open: IngressPort | undefined;
  retry: Timer | undefined;
  pauseMs: number;
}

/** Keeps the service ports of the table open: asks for their sockets, tries again when one is taken, closes what is gone. */
export class ServicePorts {
  readonly #wanted = new Map<number, Wanted>();
  readonly #portOf = new Map<string, number>();
  readonly #notServed = new Map<number, string>();
  #closed = false;

  constructor(
    private readonly binder: Binder,
    private readonly makePort: (name: string, port: number, key: string) => IngressPort,
    private readonly clock: Clock,
    private readonly log: Log,
    /** Told at each change of what is not served. */
    private readonly onNotServed: (ports: Readonly<Record<number, string>>) => void,
  ) {}

  get notServed(): Readonly<Record<number, string>> {
    return Object.fromEntries(this.#notServed);
  }

  get open(): readonly IngressPort[] {
    return [...this.#wanted.values()].flatMap(({ open }) => (open ? [open] : []));
  }

  /** A service appeared, changed, or (undefined) is gone. */
  serviceChanged(key: string, service: Service | undefined): void {
    if (this.#closed) return;
    const port = service?.bindPort ? service.servicePort : undefined;
    const before = this.#portOf.get(key);
    if (before === port && (port === undefined || this.#wanted.get(port)?.key === key)) return;
    if (before !== undefined) this.#drop(before, key);
    if (port === undefined || !service) return;
    const other = this.#wanted.get(port);
    if (other) this.#drop(port, other.key);
    this.#portOf.set(key, port);
    this.#wanted.set(port, {
      key,
      name: backendName(service.appId, port),
      open: undefined,
      retry: undefined,
      pauseMs: 0,
    });
    this.binder.listen(port);
  }

  /** The socket is there. False: it is not wanted any more and must be closed by the caller. */
  async bound(port: number, bound: Bound): Promise<boolean> {
    const wanted = this.#wanted.get(port);
    if (!wanted || wanted.open || this.#closed) return false;
    const ingress = this.makePort(wanted.name, port, wanted.key);
    wanted.open = ingress;
    try {
      await ingress.open(bound);
    } catch (error) {
      wanted.open = undefined;
      this.notBound(port, error instanceof Error ? error.message : String(error));
      return true;
    }
    if (this.#wanted.get(port) !== wanted) {
      ingress.close();
    } else if (this.#notServed.delete(port)) {
      this.onNotServed(this.notServed);
      this.log.info('a service port is served now', { port });
    }
    return true;
  }

  /** The socket could not be had. */
  notBound(port: number, reason: string): void {
    const wanted = this.#wanted.get(port);
    if (!wanted) return;
    if (this.#notServed.get(port) !== reason) {
      this.#notServed.set(port, reason);
      this.log.warn('a service port is not served', { port, reason });
      this.onNotServed(this.notServed);
    }
    wanted.pauseMs = Math.min(LONGEST_RETRY_MS, wanted.pauseMs === 0 ? FIRST_RETRY_MS : wanted.pauseMs * 2);
    wanted.retry?.cancel();
    wanted.retry = this.clock.after(wanted.pauseMs, () => this.binder.listen(port));
  }

  /** Accepts nothing any more, for good. */
  close(): void {
    this.#closed = true;
    for (const { open, retry } of this.#wanted.values()) {
      retry?.cancel();
      open?.close();
    }
    this.#wanted.clear();
    this.#portOf.clear();
  }

  #drop(port: number, key: string): void {
    this.#portOf.delete(key);
    const wanted = this.#wanted.get(port);
    if (wanted?.key !== key) return;
    this.#wanted.delete(port);
    wanted.retry?.cancel();
    wanted.open?.close();
    this.binder.drop(port);
    if (this.#notServed.delete(port)) this.onNotServed(this.notServed);
  }
}
