import { latencyBucket } from '../../stats/latency-buckets.js';
import type { ServiceTrafficReport, TrafficReport, TrafficSums } from '../../stats/traffic-report.js';
import type { ExchangeRecord } from '../exchange-record.js';
import type { LiveServer } from '../live-server.js';
import type { LiveService } from '../live-service.js';
import { ServerTraffic } from './server-traffic.js';
import { ServiceTraffic } from './service-traffic.js';

/** Most servers that one report tells of; the others are in the next. */
export const MAX_SERVERS_TOLD = 2_000;
/** The duration of what it is of says nothing. */
const NO_DURATION = -1;

/** Counts how requests went, by app version and by instance: O(1) per request. */
export class Traffic {
  /** Of requests that no service was found for: by cause and phase. */
  readonly strangers = new Map<string, number>();
  /** What moved since it was last told. */
  #services: LiveService[] = [];
  #servers: { readonly service: LiveService; readonly server: LiveServer }[] = [];

  /** A request, or a connection in tcp mode, is over. */
  ended(record: ExchangeRecord): void {
    const { server } = record;
    // Of a pool that several apps share, the one whose instance it was.
    const service = server?.owner ?? record.service;
    if (service === undefined) {
      const ending = record.cause + record.phase;
      this.strangers.set(ending, (this.strangers.get(ending) ?? 0) + 1);
      return;
    }
    const traffic = service.counters.traffic ?? begun(service);
    if (record.cause !== '-') traffic.ended(record);
    count(record, service);
    const ms = record.totalMs;
    // A tunnel lasts as long as its users like, a connection too.
    const isTimed = record.mode === 'http' && record.status >= 200 && ms >= 0;
    const bucket = isTimed ? latencyBucket(ms) : NO_DURATION;
    const isError = failed(record);
    // What never came to a server belongs to no version; it still counts for the app.
    const version = server?.server.version ?? '';
    traffic.version(version).add(record.status, isError, ms, bucket, record.endedMs);
    if (!traffic.waiting) {
      traffic.waiting = true;
      this.#services.push(service);
    }
    if (server !== undefined) this.#ofServer(service, server, isError, bucket, record.endedMs);
  }

  /** What moved since the last call, in increments; undefined: nothing. */
  take(): TrafficReport | undefined {
    if (this.#services.length === 0 && this.#servers.length === 0) return undefined;
    const report: Record<
      string,
      ServiceTrafficReport & {
        readonly versions: Record<string, TrafficSums>;
        readonly instances: Record<string, TrafficSums>;
      }
    > = {};
    const entry = (service: LiveService) => {
      report[service.key] ??= { appId: service.service.appId, versions: {}, instances: {} };
      return report[service.key];
    };
    for (const service of this.#services) {
      const { traffic } = service.counters;
      if (traffic === undefined) continue;
      traffic.waiting = false;
      for (const each of traffic.versions) {
        const sums = each.unreported.take();
        const told = entry(service);
        if (sums && told) told.versions[each.version] = sums;
      }
    }
    this.#services = [];
    for (const { service, server } of this.#servers.splice(0, MAX_SERVERS_TOLD)) {
      const { latency } = server.counters;
      const sums = latency?.unreported.take();
      if (latency) latency.waiting = false;
      const told = entry(service);
      if (sums && told) told.instances[server.taskId] = sums;
    }
    return report;
  }

  #ofServer(service: LiveService, server: LiveServer, isError: boolean, bucket: number, nowMs: number): void {
    server.counters.latency ??= new ServerTraffic();
    const { latency } = server.counters;
    latency.unreported.add(isError, bucket);
    latency.recent.add(isError, bucket, nowMs);
    if (latency.waiting) return;
    latency.waiting = true;
    this.#servers.push({ service, server });
  }
}

function begun(service: LiveService): ServiceTraffic {
  const traffic = new ServiceTraffic();
  service.counters.traffic = traffic;
  service.counters.requestRate.rememberPast();
  return traffic;
}

/** What only the end of a request tells of HAProxy's columns. */
function count({ cause, phase, queueMs, server, ingress }: ExchangeRecord, { counters }: LiveService): void {
  if (cause === 'L') {
    counters.intercepted += 1;
    ingress.counters.intercepted += 1;
  } else if (cause === 'P' && phase === 'R') {
    counters.dreq += 1;
    ingress.counters.dreq += 1;
  }
  if (server === undefined) return;
  counters.queueTime.add(queueMs);
  server.counters.queueTime.add(queueMs);
}

/** An answer 500 to 599, or one that never came or broke off for a reason that is not the client's. */
function failed({ status, cause, mode }: ExchangeRecord): boolean {
  if (status >= 500 && status < 600) return true;
  if (cause === 'S' || cause === 's' || cause === 'R') return true;
  return mode === 'http' && status === 0 && cause !== 'C' && cause !== 'c' && cause !== '-';
}
