import type { Counters } from '../worker/counters.js';
import type { IngressPort } from '../worker/ingress.js';
import type { LiveService } from '../worker/live-service.js';
import type { CounterValues, FrontendStats, ServiceStats } from './proxy-stats.js';

/** The present values of counters. */
export function counterValues(counters: Counters, nowMs: number): CounterValues {
  const c = counters;
  return {
    scur: c.scur,
    smax: c.smax,
    stot: c.stot,
    bin: c.bin,
    bout: c.bout,
    ereq: c.ereq,
    econ: c.econ,
    eresp: c.eresp,
    wretr: c.wretr,
    wredis: c.wredis,
    cli_abrt: c.cliAborts,
    srv_abrt: c.srvAborts,
    req_tot: c.reqTot,
    hrsp_1xx: c.hrsp1,
    hrsp_2xx: c.hrsp2,
    hrsp_3xx: c.hrsp3,
    hrsp_4xx: c.hrsp4,
    hrsp_5xx: c.hrsp5,
    hrsp_other: c.hrspOther,
    connect: c.connect,
    reuse: c.reuse,
    dcon: c.dcon,
    rate: c.rate.value(nowMs),
    rate_max: c.rate.max,
    req_rate: c.requestRate.value(nowMs),
    req_rate_max: c.requestRate.max,
    lastsess: c.lastSessionMs < 0 ? -1 : Math.floor((nowMs - c.lastSessionMs) / 1_000),
    ctime: Math.round(c.connectTime.value),
    rtime: Math.round(c.responseTime.value),
    ttime: Math.round(c.totalTime.value),
    ctime_max: Math.round(c.connectTime.max),
    rtime_max: Math.round(c.responseTime.max),
    ttime_max: Math.round(c.totalTime.max),
  };
}

export function frontendStats(port: IngressPort, nowMs: number): FrontendStats {
  return { name: port.name, port: port.port, mode: port.mode, values: counterValues(port.counters, nowMs) };
}

/** A service with its servers; without them when `brief`. */
export function serviceStats(live: LiveService, nowMs: number, brief = false): ServiceStats {
  const { service } = live;
  return {
    key: live.key,
    name: live.name,
    appId: service.appId,
    port: service.servicePort,
    mode: service.mode,
    vhosts: service.vhosts,
    values: counterValues(live.counters, nowMs),
    servers: brief
      ? []
      : live.servers.map((server) => ({
          name: server.server.name,
          address: `${server.server.host}:${server.server.port}`,
          taskId: server.taskId,
          status: server.ejectedUntilMs > nowMs ? 'DOWN' : 'UP',
          idle: server.idle.length,
          values: counterValues(server.counters, nowMs),
        })),
  };
}
