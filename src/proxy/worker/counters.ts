import type { ServerTraffic } from './traffic/server-traffic.js';
import type { ServiceTraffic } from './traffic/service-traffic.js';

/** Seconds that a rate with a past remembers. */
export const PAST_SECONDS = 60;

/** Sessions per second over the last whole second, as HAProxy's `rate`. */
export class Rate {
  #second = -1;
  #count = 0;
  #last = 0;
  /** Counts of whole seconds, by their number modulo its length. */
  #past: Float64Array | undefined;
  max = 0;

  add(nowMs: number): void {
    this.#turn(nowMs);
    this.#count += 1;
    if (this.#count > this.max) this.max = this.#count;
  }

  value(nowMs: number): number {
    this.#turn(nowMs);
    return Math.max(this.#last, this.#count);
  }

  /** Remembers the last minute from now on. */
  rememberPast(): void {
    this.#past ??= new Float64Array(PAST_SECONDS);
  }

  /** Counts of the last whole seconds, oldest first; empty when no past is remembered. */
  past(nowMs: number): readonly number[] {
    this.#turn(nowMs);
    const past = this.#past;
    if (past === undefined) return [];
    return Array.from(past, (_, i) => past[(this.#second + i) % PAST_SECONDS] ?? 0);
  }

  #turn(nowMs: number): void {
    const second = Math.floor(nowMs / 1_000);
    if (second === this.#second) return;
    if (this.#past) this.#keep(this.#past, second);
    this.#last = second === this.#second + 1 ? this.#count : 0;
    this.#second = second;
    this.#count = 0;
  }

  #keep(past: Float64Array, second: number): void {
    if (this.#second < 0 || second - this.#second > PAST_SECONDS) {
      past.fill(0);
      return;
    }
    past[this.#second % PAST_SECONDS] = this.#count;
    for (let between = this.#second + 1; between < second; between++) past[between % PAST_SECONDS] = 0;
  }
}

/** Number of samples an average reaches back, as in HAProxy. */
const AVERAGED_OVER = 1_024;

/** Sliding average of milliseconds. */
export class Average {
  #samples = 0;
  value = 0;
  max = 0;

  add(ms: number): void {
    if (this.#samples < AVERAGED_OVER) this.#samples += 1;
    this.value += (ms - this.value) / this.#samples;
    if (ms > this.max) this.max = ms;
  }
}

/** What is counted for a frontend, a backend or a server; the names are those of HAProxy's columns where there is one. */
export class Counters {
  scur = 0;
  smax = 0;
  stot = 0;
  bin = 0;
  bout = 0;
  /** Requests refused for what they are. */
  ereq = 0;
  /** Requests and answers that a rule turned away: access lists, passwords, rates. */
  dreq = 0;
  dresp = 0;
  /** Requests answered without a server: redirects and the like. */
  intercepted = 0;
  /** Connection attempts that failed. */
  econ = 0;
  /** Answers that failed. */
  eresp = 0;
  wretr = 0;
  wredis = 0;
  cliAborts = 0;
  srvAborts = 0;
  reqTot = 0;
  hrsp1 = 0;
  hrsp2 = 0;
  hrsp3 = 0;
  hrsp4 = 0;
  hrsp5 = 0;
  hrspOther = 0;
  /** Connections to servers made, and requests that went over one that was there. */
  connect = 0;
  reuse = 0;
  /** Connections turned away at the limit. */
  dcon = 0;
  lastSessionMs = -1;
  readonly rate = new Rate();
  readonly requestRate = new Rate();
  readonly connectTime = new Average();
  readonly responseTime = new Average();
  readonly totalTime = new Average();
  readonly queueTime = new Average();
  /** Of a service, and of a server, that requests came to. */
  traffic: ServiceTraffic | undefined;
  latency: ServerTraffic | undefined;

  begin(nowMs: number): void {
    this.stot += 1;
    this.scur += 1;
    if (this.scur > this.smax) this.smax = this.scur;
    this.lastSessionMs = nowMs;
    this.rate.add(nowMs);
  }

  end(): void {
    this.scur -= 1;
  }

  request(nowMs: number): void {
    this.reqTot += 1;
    this.requestRate.add(nowMs);
  }

  response(status: number): void {
    if (status < 200) this.hrsp1 += 1;
    else if (status < 300) this.hrsp2 += 1;
    else if (status < 400) this.hrsp3 += 1;
    else if (status < 500) this.hrsp4 += 1;
    else if (status < 600) this.hrsp5 += 1;
    else this.hrspOther += 1;
  }
}
