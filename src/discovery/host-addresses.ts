import { isIP } from 'node:net';
import type { Clock, Timer } from '../util/clock.js';

/** An address is looked up again after this, so that a host may move. */
const KEPT_MS = 60_000;
/** After a failed lookup. */
const RETRY_MS = 5_000;
/** Hosts remembered at once: agents of a pool, not strangers. */
const MAX_HOSTS = 10_000;

/** Resolves a name to an address, e.g. `dns.promises.lookup`. */
export type Lookup = (hostname: string) => Promise<string>;

/** Addresses of agents that are known by name: asked once in a while, in the background, never waited for. */
export class HostAddresses {
  readonly #known = new Map<string, { address: string | undefined; timer: Timer | undefined }>();
  #stopped = false;

  /** `onChange` is told when a name got an address or another one. */
  constructor(
    private readonly lookup: Lookup,
    private readonly clock: Clock,
    private readonly onChange: (hostname: string) => void,
  ) {}

  /** The address, as far as it is known; otherwise it is looked up and `onChange` told. */
  of(hostname: string): string | undefined {
    if (isIP(hostname) !== 0) return hostname;
    const known = this.#known.get(hostname);
    if (known) return known.address;
    if (this.#stopped || this.#known.size >= MAX_HOSTS) return undefined;
    this.#known.set(hostname, { address: undefined, timer: undefined });
    void this.#ask(hostname);
    return undefined;
  }

  async #ask(hostname: string): Promise<void> {
    let address: string | undefined;
    try {
      address = await this.lookup(hostname);
    } catch {
      // It keeps the address it had: a resolver that is away moves no host. It is asked again below.
    }
    const known = this.#known.get(hostname);
    if (!known || this.#stopped) return;
    known.timer = this.clock.after(
      address === undefined ? RETRY_MS : KEPT_MS,
      () => void this.#ask(hostname),
    );
    if (address === undefined || address === known.address) return;
    known.address = address;
    this.onChange(hostname);
  }

  stop(): void {
    this.#stopped = true;
    for (const { timer } of this.#known.values()) timer?.cancel();
    this.#known.clear();
  }
}
