import type { EventBody, EventBus } from '../../events/event-bus.js';
import type { Log } from '../../logging/log.js';
import type { RoutingTable } from '../../proxy/table.js';
import type { Clock, Timer } from '../../util/clock.js';
import type { Dice } from '../../util/ids.js';
import { timestamp } from '../../util/timestamp.js';
import type { CertificateInfo } from '../certificate.js';
import type { CertificateBook } from '../certificate-book.js';
import type { CertificateFeed } from '../certificate-feed.js';
import {
  type AcmeAttempts,
  type HostPlan,
  planHosts,
  retryAfterMs,
  wantedHosts,
} from '../decide/acme-hosts.js';
import type { AcmeAuthority } from './acme-authority.js';
import type { AcmeState } from './acme-state.js';

export interface AcmeServiceOptions {
  readonly directory: string;
  readonly authority: AcmeAuthority;
  readonly book: CertificateBook;
  readonly feed: Pick<CertificateFeed, 'challenge'>;
  readonly table: () => Pick<RoutingTable, 'services'>;
  readonly clock: Clock;
  readonly dice: Dice;
  readonly events: Pick<EventBus, 'publish'>;
  readonly log: Log;
  /** How long an answer is given time to reach every load balancer. */
  readonly settleMs?: number;
}

/** How often it is looked for hosts without a certificate, and for certificates that grow old. */
const LOOK_MS = 5_000;
const SETTLE_MS = 1_000;
/** A host is not asked for again sooner than this, however old its certificate looks: clocks may disagree. */
const LEAST_PAUSE_MS = 3_600_000;

/**
 * Keeps a certificate for every host of the apps that ask for one: obtains it, and renews it when two thirds of its life
 * are over. One host at a time; one that is refused waits longer and longer. What was obtained is stored before it is served,
 * and what is there stays in use until its successor is.
 */
export class AcmeService {
  readonly #attempts = new Map<string, AcmeAttempts>();
  #asking: string | undefined;
  #timer: Timer | undefined;
  #stopped = false;

  constructor(private readonly options: AcmeServiceOptions) {}

  start(): void {
    this.#timer = this.options.clock.every(LOOK_MS, () => void this.look());
    void this.look();
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  state(): AcmeState {
    const hosts = this.#plans().map(({ host, certificate, has, dueMs }) => {
      const attempts = this.#attempts.get(host);
      const state = this.#asking === host ? 'asking' : has ? 'has-certificate' : 'waiting';
      return {
        host,
        state,
        certificate,
        ...(dueMs > 0 && { nextAt: timestamp(dueMs) }),
        ...(attempts?.problem !== undefined && { failures: attempts.failures, problem: attempts.problem }),
      } as const;
    });
    return { directory: this.options.directory, hosts };
  }

  /** Asks for what is due, one after the other. Never rejects. */
  async look(): Promise<void> {
    if (this.#asking !== undefined) return;
    for (;;) {
      const nowMs = this.options.clock.wallMs();
      const due = this.#plans()
        .filter(({ dueMs }) => dueMs <= nowMs)
        .sort((a, b) => Number(a.has) - Number(b.has) || a.dueMs - b.dueMs)[0];
      if (!due || this.#stopped) return;
      await this.#ask(due);
    }
  }

  async #ask({ host, certificate: name, has }: HostPlan): Promise<void> {
    const { authority, book, feed, clock, dice, events, log } = this.options;
    this.#asking = host;
    try {
      const obtained = await authority.obtain(host, async (token, text) => {
        const end = feed.challenge(token, text);
        await new Promise<void>((settled) => clock.after(this.options.settleMs ?? SETTLE_MS, settled));
        return end;
      });
      const { info } = await book.put({ name, ...obtained, source: 'acme', by: 'acme' });
      this.#attempts.set(host, { failures: 0, nextMs: clock.wallMs() + LEAST_PAUSE_MS });
      events.publish(certificateKept(has ? 'renewed' : 'obtained', host, info));
      log.info(has ? 'a certificate was renewed' : 'a certificate was obtained', { host, certificate: name });
    } catch (error) {
      const failures = (this.#attempts.get(host)?.failures ?? 0) + 1;
      const problem = error instanceof Error ? error.message : String(error);
      const pauseMs = retryAfterMs(failures, dice.random());
      const nextMs = clock.wallMs() + pauseMs;
      this.#attempts.set(host, { failures, problem, nextMs });
      events.publish({
        eventType: 'certificate_failed_event',
        host,
        certificate: name,
        reason: problem,
        failures,
        nextAt: timestamp(nextMs),
        served: has,
      });
      log.warn('no certificate was obtained', { host, failures, problem, againInMs: pauseMs });
    } finally {
      this.#asking = undefined;
    }
  }

  #plans(): readonly HostPlan[] {
    const { table, book, clock } = this.options;
    const hosts = wantedHosts(table());
    const wanted = new Set(hosts);
    for (const host of this.#attempts.keys()) if (!wanted.has(host)) this.#attempts.delete(host);
    return planHosts(hosts, book.list(), this.#attempts, clock.wallMs());
  }
}

/** `how` a certificate came: none was there before, or another one was. */
function certificateKept(how: 'obtained' | 'renewed', host: string, info: CertificateInfo): EventBody {
  const { name, version, notAfterMs } = info;
  return {
    eventType: `certificate_${how}_event`,
    host,
    certificate: name,
    version,
    notAfter: timestamp(notAfterMs),
  };
}
