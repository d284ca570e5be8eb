import type { Log } from '../../logging/log.js';
import type { Clock, Timer } from '../../util/clock.js';
import { backendName } from '../decide/names.js';
import type { Service } from '../table.js';
import type { Bound, IngressPort } from './ingress.js';

/** Whoever binds sockets for this worker. */
export interface Binder {
  /** `address` undefined: the load balancer's own. */
  listen(port: number, address: string | undefined): void;
  drop(port: number, address: string | undefined): void;
}

const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 30_000;

/** A service that wants a port. */
interface Wish {
  readonly key: string;
  /** HAProxy's name of the frontend. */
  readonly name: string;
  readonly port: number;
  /** Undefined: the load balancer's own. */
  readonly address: string | undefined;
}

interface Wanted {
  /** Where the socket was asked for. */
  address: string | undefined;
  /** Never none: the services of a deployment group, or for a moment one that gives the port up and one that takes it. */
  readonly wishes: Wish[];
  open: IngressPort | undefined;
  retry: Timer | undefined;
  pauseMs: number;
}

/** Keeps the service ports of the table open: asks for their sockets, tries again when one is taken, closes what is gone. */
export class ServicePorts {
  readonly #wanted = new Map<number, Wanted>();
  readonly #wishes = new Map<string, Wish>();
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
    const wish = service?.bindPort && service.udp !== 'only' ? wishOf(key, service) : undefined;
    const before = this.#wishes.get(key);
    if (before?.port === wish?.port && before?.address === wish?.address) return;
    if (before) this.#giveUp(before);
    if (!wish) return;
    const { port, address } = wish;
    this.#wishes.set(key, wish);
    const wanted = this.#wanted.get(port);
    if (wanted) {
      wanted.wishes.push(wish);
      this.#serve(wanted);
      return;
    }
    this.#wanted.set(port, { wishes: [wish], address, open: undefined, retry: undefined, pauseMs: 0 });
    this.binder.listen(port, address);
  }

  /** The socket is there. False: it is not wanted (there) any more and must be closed by the caller. */
  async bound(port: number, bound: Bound, address?: string): Promise<boolean> {
    const wanted = this.#wanted.get(port);
    if (!wanted || wanted.open || wanted.address !== address || this.#closed) return false;
    const served = servedBy(wanted);
    if (!served) return false;
    const ingress = this.makePort(served.name, port, served.key);
    wanted.open = ingress;
    try {
      await ingress.open(bound);
    } catch (error) {
      if (wanted.open === ingress) wanted.open = undefined;
      this.notBound(port, error instanceof Error ? error.message : String(error), address);
      return true;
    }
    if (this.#wanted.get(port)?.open !== ingress) {
      ingress.close();
    } else if (this.#notServed.delete(port)) {
      this.onNotServed(this.notServed);
      this.log.info('a service port is served now', { port });
    }
    return true;
  }

  /** The socket could not be had. */
  notBound(port: number, reason: string, address?: string): void {
    const wanted = this.#wanted.get(port);
    if (!wanted || wanted.address !== address) return;
    if (this.#notServed.get(port) !== reason) {
      this.#notServed.set(port, reason);
      this.log.warn('a service port is not served', { port, reason });
      this.onNotServed(this.notServed);
    }
    wanted.pauseMs = Math.min(LONGEST_RETRY_MS, wanted.pauseMs === 0 ? FIRST_RETRY_MS : wanted.pauseMs * 2);
    wanted.retry?.cancel();
    wanted.retry = this.clock.after(wanted.pauseMs, () => this.binder.listen(port, address));
  }

  /** Accepts nothing any more, for good. */
  close(): void {
    this.#closed = true;
    for (const { open, retry } of this.#wanted.values()) {
      retry?.cancel();
      open?.close();
    }
    this.#wanted.clear();
    this.#wishes.clear();
  }

  #serve(wanted: Wanted): void {
    const served = servedBy(wanted);
    if (!served) return;
    if (served.address !== wanted.address) this.#move(wanted, served);
    if (!wanted.open) return;
    wanted.open.key = served.key;
    wanted.open.name = served.name;
  }

  /** To another address. */
  #move(wanted: Wanted, { port, address }: Wish): void {
    wanted.retry?.cancel();
    wanted.open?.close();
    wanted.open = undefined;
    this.binder.drop(port, wanted.address);
    wanted.address = address;
    wanted.pauseMs = 0;
    this.binder.listen(port, address);
  }

  #giveUp(wish: Wish): void {
    const { key, port } = wish;
    this.#wishes.delete(key);
    const wanted = this.#wanted.get(port);
    const at = wanted?.wishes.indexOf(wish) ?? -1;
    if (!wanted || at < 0) return;
    wanted.wishes.splice(at, 1);
    if (wanted.wishes.length > 0) {
      this.#serve(wanted);
      return;
    }
    this.#wanted.delete(port);
    wanted.retry?.cancel();
    wanted.open?.close();
    this.binder.drop(port, wanted.address);
    if (this.#notServed.delete(port)) this.onNotServed(this.notServed);
  }
}

function wishOf(key: string, { appId, servicePort: port, bindAddress }: Service): Wish {
  return { key, port, name: backendName(appId, port), address: bindAddress };
}

/** The last that came: services of a group serve as one, and who takes a port over has it from now on. */
function servedBy({ wishes }: Wanted): Wish | undefined {
  return wishes.at(-1);
}
