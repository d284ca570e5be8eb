import type { TrafficLimits } from '../../apps/port-routing.js';
import { type Rate, rateOf, shareOfNumber, shareOfRate, taken, untilTokenMs } from '../decide/rate-limit.js';

/** Why a request or connection is not let in, as it is answered. */
export interface Refusal {
  readonly status: 429 | 503;
  readonly code: 'rate-limited' | 'circuit-open';
  readonly reason: string;
  /** Header lines: when it may be worth another try. */
  readonly fields: string;
}

/** Addresses whose rates are remembered per service; of more, those that were not heard of for the longest are forgotten. */
export const MAX_CLIENTS = 10_000;

/**
 * Circuit breaker and rate limits of a service. The numbers of the service as a whole are shared out over the workers; a client
 * has its whole rate at each, since it may well have but one connection.
 */
export class TrafficGate {
  #limits: TrafficLimits = {};
  #rate: Rate | undefined;
  #clientRate: Rate | undefined;
  #mostUnderWay = Number.POSITIVE_INFINITY;
  #fullAtMs = 0;
  /** By address: when its bucket is full again. The one that asked last is last. */
  readonly #clients = new Map<string, number>();

  constructor(private readonly workers: number) {}

  /** Undefined when nothing is limited here. */
  static needed({ requestsPerSecond, requestsPerSecondPerClient, requestsUnderWay }: TrafficLimits): boolean {
    return (requestsPerSecond ?? requestsPerSecondPerClient ?? requestsUnderWay) !== undefined;
  }

  /** What was used so far counts on. */
  update(limits: TrafficLimits): void {
    const { requestsPerSecond, requestsPerSecondPerClient, requestsUnderWay, burst } = limits;
    this.#limits = limits;
    this.#rate =
      requestsPerSecond === undefined
        ? undefined
        : shareOfRate(rateOf(requestsPerSecond, burst), this.workers);
    this.#clientRate =
      requestsPerSecondPerClient === undefined ? undefined : rateOf(requestsPerSecondPerClient, burst);
    this.#mostUnderWay =
      requestsUnderWay === undefined
        ? Number.POSITIVE_INFINITY
        : shareOfNumber(requestsUnderWay, this.workers);
    if (!this.#clientRate) this.#clients.clear();
  }

  /** Number of client addresses that are remembered. */
  get clients(): number {
    return this.#clients.size;
  }

  /** `underWay`: requests of the service at present. Undefined: it may come in, and has been counted. */
  admit(client: string, nowMs: number, underWay: number): Refusal | undefined {
    if (underWay >= this.#mostUnderWay)
      return {
        status: 503,
        code: 'circuit-open',
        reason: `${this.#limits.requestsUnderWay} requests of this app are under way already`,
        fields: '',
      };
    const clientRate = this.#clientRate;
    const own = clientRate && this.#takenBy(client, nowMs, clientRate);
    if (clientRate && own === undefined)
      return tooMany(
        `more than ${clientRate.perSecond} requests per second from ${client} to this app`,
        untilTokenMs(this.#clients.get(client) ?? 0, nowMs, clientRate),
      );
    if (this.#rate) {
      const fullAtMs = taken(this.#fullAtMs, nowMs, this.#rate);
      if (fullAtMs === undefined)
        return tooMany(
          `more than ${this.#limits.requestsPerSecond} requests per second to this app`,
          untilTokenMs(this.#fullAtMs, nowMs, this.#rate),
        );
      this.#fullAtMs = fullAtMs;
    }
    if (own !== undefined) this.#remember(client, own);
    return undefined;
  }

  #takenBy(client: string, nowMs: number, rate: Rate): number | undefined {
    return taken(this.#clients.get(client) ?? 0, nowMs, rate);
  }

  #remember(client: string, fullAtMs: number): void {
    this.#clients.delete(client);
    this.#clients.set(client, fullAtMs);
    if (this.#clients.size <= MAX_CLIENTS) return;
    for (const oldest of this.#clients.keys()) {
      this.#clients.delete(oldest);
      return;
    }
  }
}

function tooMany(reason: string, waitMs: number): Refusal {
  const seconds = Math.max(1, Math.ceil(waitMs / 1_000));
  return { status: 429, code: 'rate-limited', reason, fields: `Retry-After: ${seconds}\r\n` };
}
