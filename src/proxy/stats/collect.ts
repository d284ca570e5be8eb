import type { Counters } from '../worker/counters.js';
import type { IngressPort } from '../worker/ingress.js';
import type { LiveServer } from '../worker/live-server.js';
import type { LiveService } from '../worker/live-service.js';
import type { CounterValues, FrontendStats, ServerStats, ServiceStats } from './proxy-stats.js';

/** The present values of counters. */
export function counterValues(counters: Counters, nowMs: number): CounterValues {
  const c = counters;
  return {
    scur: c.scur,
    smax: c.smax,
    stot: c.stot,
    bin: c.bin,
    bout: c.bout,
    dreq: c.dreq,
    dresp: c.dresp,
    intercepted: c.intercepted,
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
    qtime: Math.round(c.queueTime.value),
    ctime: Math.round(c.connectTime.value),
    rtime: Math.round(c.responseTime.value),
    ttime: Math.round(c.totalTime.value),
    qtime_max: Math.round(c.queueTime.max),
    ctime_max: Math.round(c.connectTime.max),
    rtime_max: Math.round(c.responseTime.max),
    ttime_max: Math.round(c.totalTime.max),
  };
}

export function frontendStats(port: Frontend, nowMs: number): FrontendStats {
  return { name: port.name, port: port.port, mode: port.mode, values: counterValues(port.counters, nowMs) };
}

/** What is told of a way in. */
export type Frontend = Pick<IngressPort, 'name' | 'port' | 'mode' | 'counters'>;

/** Servers whose state is told in a row. */
const MAX_STATES = 64;
/** `d`: in the table no more, something is in flight. */
const stateLetters = { UP: 'U', DOWN: 'D', DRAIN: 'W', MAINT: 'M' } as const;
const LEAVING_LETTER = 'd';

/** How much is told of a service: `row` without servers and versions, `own` also without what changes with time alone. */
export type Detail = 'all' | 'row' | 'own';

/** A service with its servers; `leaving` are those that left the table while something is in flight. */
export function serviceStats(
  live: LiveService,
  nowMs: number,
  detail: Detail = 'all',
  leaving: readonly LiveServer[] = [],
): ServiceStats {
  const { service, counters, servers } = live;
  const { traffic } = counters;
  // Of a pool that several services share, the first shows the queue.
  const queue = live.pool === live.ownPool ? live.pool.queue : undefined;
  let up = 0;
  let states = '';
  for (const server of servers) {
    const state = server.state(nowMs);
    if (state === 'UP') up += 1;
    if (states.length < MAX_STATES) states += stateLetters[state];
  }
  return {
    key: live.key,
    name: live.name,
    appId: service.appId,
    ...(service.deploymentGroup !== undefined && { deploymentGroup: service.deploymentGroup }),
    port: service.servicePort,
    mode: service.mode,
    vhosts: service.vhosts,
    algorithm: service.balance ?? 'roundrobin',
    isSticky: service.sticky === true,
    serverLimit: service.limits?.connectionsPerServer ?? 0,
    qcur: queue?.size ?? 0,
    qmax: queue?.most ?? 0,
    up,
    known: servers.length,
    states: states + LEAVING_LETTER.repeat(Math.min(leaving.length, MAX_STATES - states.length)),
    values: counterValues(counters, nowMs),
    ...(detail !== 'own' && traffic && { past: counters.requestRate.past(nowMs) }),
    ...(detail !== 'own' && traffic && { versions: traffic.versions.map((each) => each.stats(nowMs)) }),
    ...(traffic && traffic.endings.size > 0 && { endings: Object.fromEntries(traffic.endings) }),
    servers:
      detail === 'all'
        ? [...servers, ...leaving].map((server) => serverStats(server, nowMs, service.sticky === true))
        : [],
  };
}

function serverStats(server: LiveServer, nowMs: number, isSticky: boolean): ServerStats {
  const { server: said, counters, leaving } = server;
  return {
    name: said.name,
    address: `${said.host.includes(':') ? `[${said.host}]` : said.host}:${said.port}`,
    taskId: server.taskId,
    status: leaving ? 'DRAIN' : server.state(nowMs),
    ...(leaving && { leaving }),
    version: said.version ?? '',
    weight: server.weight,
    idle: server.idle.length,
    qcur: server.queued,
    ejections: server.ejections,
    ejectedMs: Math.max(0, Math.round(server.ejectedUntilMs - nowMs)),
    sticky: isSticky ? server.stickyId : '',
    ...(counters.latency && { recent: counters.latency.recent.stats(nowMs) }),
    values: counterValues(counters, nowMs),
  };
}
