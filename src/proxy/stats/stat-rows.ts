import { backendName } from '../decide/names.js';
import { mergeValues } from './merge.js';
import type { CounterValues, FrontendStats, ProxyStats, ServerStats, ServiceStats } from './proxy-stats.js';

/** A row of HAProxy's statistics, by column name. Columns that it has no value for are absent. */
export type StatRow = Readonly<Record<string, string | number>>;

/** HAProxy's numbers for the kinds of rows. */
const FRONTEND = 0;
const BACKEND = 1;
const SERVER = 2;

/** Rows of the statistics in HAProxy's order: a frontend per port, then the servers of each service and the service itself. */
export function* statRows(stats: ProxyStats): Iterable<StatRow> {
  let proxyNumber = 1;
  for (const frontend of stats.frontends) {
    proxyNumber += 1;
    yield frontendRow(frontend, proxyNumber);
  }
  const ageS = Math.floor(Math.max(0, ...stats.workers.map(({ uptimeS }) => uptimeS)));
  for (const service of asProxies(stats.services)) {
    proxyNumber += 1;
    let serverNumber = 0;
    for (const server of service.servers) {
      serverNumber += 1;
      yield serverRow(service, server, proxyNumber, serverNumber, ageS);
    }
    yield backendRow(service, proxyNumber, ageS);
  }
}

/** The services, where those of one deployment group and port are one: named after the group, with the servers of all. */
function* asProxies(services: readonly ServiceStats[]): Iterable<ServiceStats> {
  const groups = new Map<string, ServiceStats[]>();
  for (const service of services) {
    const group = groupName(service);
    if (group === undefined) continue;
    const members = groups.get(group);
    if (members) members.push(service);
    else groups.set(group, [service]);
  }
  for (const service of services) {
    const group = groupName(service);
    if (group === undefined) yield service;
    else {
      const members = groups.get(group) ?? [];
      if (members[0] === service) yield asOne(group, service, members);
    }
  }
}

function groupName({ deploymentGroup, port }: ServiceStats): string | undefined {
  return deploymentGroup === undefined ? undefined : backendName(deploymentGroup, port);
}

function asOne(name: string, first: ServiceStats, members: readonly ServiceStats[]): ServiceStats {
  const sum = (of: (member: ServiceStats) => number): number =>
    members.reduce((total, member) => total + of(member), 0);
  return {
    ...first,
    name,
    up: sum(({ up }) => up),
    known: sum(({ known }) => known),
    qcur: sum(({ qcur }) => qcur),
    qmax: Math.max(...members.map(({ qmax }) => qmax)),
    values: members.slice(1).reduce((values, member) => mergeValues(values, member.values), first.values),
    servers: members.flatMap(({ servers }) => servers),
  };
}

function frontendRow({ name, mode, values }: FrontendStats, iid: number): StatRow {
  return {
    pxname: name,
    svname: 'FRONTEND',
    ...common(values, mode, FRONTEND, iid),
    ereq: values.ereq,
    status: 'OPEN',
    rate_lim: 0,
    conn_rate: values.rate,
    conn_rate_max: values.rate_max,
    conn_tot: values.stot,
    dcon: values.dcon,
    dses: 0,
    wrew: 0,
    eint: 0,
    ...(mode === 'http' && {
      intercepted: values.intercepted,
      comp_in: 0,
      comp_out: 0,
      comp_byp: 0,
      comp_rsp: 0,
      cache_lookups: 0,
      cache_hits: 0,
    }),
  };
}

function serverRow(
  service: ServiceStats,
  server: ServerStats,
  iid: number,
  sid: number,
  ageS: number,
): StatRow {
  const { values, status, weight } = server;
  return {
    pxname: service.name,
    svname: server.name,
    ...common(values, service.mode, SERVER, iid),
    sid,
    status,
    weight,
    uweight: weight,
    act: 1,
    bck: 0,
    chkfail: values.econ,
    chkdown: server.ejections,
    downtime: 0,
    lastchg: ageS,
    qcur: server.qcur,
    qmax: 0,
    ...(service.serverLimit > 0 && { slim: service.serverLimit }),
    throttle: 100,
    lbtot: values.stot,
    addr: server.address,
    ...(server.sticky !== '' && { cookie: server.sticky }),
    srv_icur: server.idle,
    idle_conn_cur: server.idle,
    safe_conn_cur: 0,
    used_conn_cur: values.scur,
    need_conn_est: values.scur,
    wrew: 0,
    eint: 0,
    ...serverSide(values),
  };
}

function backendRow(service: ServiceStats, iid: number, ageS: number): StatRow {
  const { values, up, known } = service;
  return {
    pxname: service.name,
    svname: 'BACKEND',
    ...common(values, service.mode, BACKEND, iid),
    status: up > 0 ? 'UP' : 'DOWN',
    weight: up,
    uweight: up,
    act: up,
    bck: 0,
    chkdown: 0,
    lastchg: ageS,
    downtime: 0,
    qcur: service.qcur,
    qmax: service.qmax,
    lbtot: values.stot,
    algo: service.algorithm,
    ...(service.isSticky && { cookie: 'mesosphere_server_id' }),
    agg_server_status: up,
    agg_server_check_status: up,
    agg_check_status: known,
    wrew: 0,
    eint: 0,
    ...(service.mode === 'http' && {
      intercepted: values.intercepted,
      comp_in: 0,
      comp_out: 0,
      comp_byp: 0,
      comp_rsp: 0,
      cache_lookups: 0,
      cache_hits: 0,
    }),
    ...serverSide(values),
  };
}

function common(values: CounterValues, mode: string, type: number, iid: number): StatRow {
  const { scur, smax, stot, bin, bout, dreq, dresp, rate, rate_max } = values;
  const row = {
    scur,
    smax,
    stot,
    bin,
    bout,
    dreq,
    dresp,
    pid: 1,
    iid,
    sid: 0,
    type,
    rate,
    rate_max,
    mode,
  };
  if (mode === 'tcp') return row;
  const { hrsp_1xx, hrsp_2xx, hrsp_3xx, hrsp_4xx, hrsp_5xx, hrsp_other } = values;
  const { req_rate, req_rate_max, req_tot } = values;
  return {
    ...row,
    ...{ hrsp_1xx, hrsp_2xx, hrsp_3xx, hrsp_4xx, hrsp_5xx, hrsp_other },
    ...(type === FRONTEND && { req_rate, req_rate_max, req_tot }),
    ...(type === BACKEND && { req_tot }),
  };
}

function serverSide(values: CounterValues): StatRow {
  const { econ, eresp, wretr, wredis, cli_abrt, srv_abrt, lastsess, connect, reuse } = values;
  const { qtime, ctime, rtime, ttime, qtime_max, ctime_max, rtime_max, ttime_max } = values;
  return {
    ...{ econ, eresp, wretr, wredis, cli_abrt, srv_abrt, lastsess, connect, reuse },
    ...{ qtime, ctime, rtime, ttime, qtime_max, ctime_max, rtime_max, ttime_max },
  };
}
