import type { Log } from '../../logging/log.js';
import type { Clock, Timer } from '../../util/clock.js';
import { BindError } from './bind-socket.js';
import type { ListenerHolder } from './listener-holder.js';
import type { OptionalRole } from './worker-messages.js';

/** A port beside the vhost port, which the load balancer can do without. */
export interface OptionalPort {
  readonly role: OptionalRole;
  /** 0: any free one. */
  readonly port: number;
  /** What is missing without it, and the flag that chooses another. */
  readonly what: string;
  readonly flag: string;
}

const RETRY_MS = 10_000;

/** Binds ports that the load balancer can do without: a busy one never ends a start, it is said once and tried again. */
export class OptionalPorts {
  readonly #bound = new Map<OptionalRole, number>();
  #retry: Timer | undefined;
  #missing: readonly OptionalPort[] = [];
  #complaint = '';

  constructor(
    private readonly holder: ListenerHolder,
    private readonly clock: Clock,
    private readonly log: Log,
    /** A port was bound late: workers are to be given it. */
    private readonly onLate: (role: OptionalRole) => void,
  ) {}

  port(role: OptionalRole): number | undefined {
    return this.#bound.get(role);
  }

  /** Binds what can be bound at once; the rest is tried again later. */
  open(ports: readonly OptionalPort[]): void {
    this.#tryLater([...this.#missing, ...ports.filter((port) => !this.#tryOne(port))]);
  }

  stop(): void {
    this.#retry?.cancel();
  }

  #tryLater(missing: readonly OptionalPort[]): void {
    this.#retry?.cancel();
    this.#retry = undefined;
    this.#missing = missing;
    if (missing.length === 0) return;
    this.#retry = this.clock.after(RETRY_MS, () => {
      const bound = missing.filter((port) => this.#tryOne(port));
      this.#tryLater(missing.filter((port) => !bound.includes(port)));
      for (const { role } of bound) this.onLate(role);
    });
  }

  #tryOne({ role, port, what, flag }: OptionalPort): boolean {
    try {
      this.#bound.set(role, this.holder.bindFixed(role, port));
      return true;
    } catch (error) {
      if (!(error instanceof BindError)) throw error;
      const complaint = `${what} is not served: ${error.message}; it is tried again, ${flag} chooses another port`;
      if (complaint !== this.#complaint) this.log.warn(complaint);
      this.#complaint = complaint;
      return false;
    }
  }
}
