import type { CounterValues, ProxyStats, ServiceStats } from './proxy-stats.js';

/** HAProxy 2.6's columns, in its order; scripts find them by name. The last line position is a trailing comma as well. */
export const csvColumns: readonly string[] = (
  'pxname,svname,qcur,qmax,scur,smax,slim,stot,bin,bout,dreq,dresp,ereq,econ,eresp,wretr,wredis,status,weight,act,bck,' +
  'chkfail,chkdown,lastchg,downtime,qlimit,pid,iid,sid,throttle,lbtot,tracked,type,rate,rate_lim,rate_max,check_status,' +
  'check_code,check_duration,hrsp_1xx,hrsp_2xx,hrsp_3xx,hrsp_4xx,hrsp_5xx,hrsp_other,hanafail,req_rate,req_rate_max,' +
  'req_tot,cli_abrt,srv_abrt,comp_in,comp_out,comp_byp,comp_rsp,lastsess,last_chk,last_agt,qtime,ctime,rtime,ttime,' +
  'agent_status,agent_code,agent_duration,check_desc,agent_desc,check_rise,check_fall,check_health,agent_rise,agent_fall,' +
  'agent_health,addr,cookie,mode,algo,conn_rate,conn_rate_max,conn_tot,intercepted,dcon,dses,wrew,connect,reuse,' +
  'cache_lookups,cache_hits,srv_icur,src_ilim,qtime_max,ctime_max,rtime_max,ttime_max,eint,idle_conn_cur,safe_conn_cur,' +
  'used_conn_cur,need_conn_est,uweight,agg_server_status,agg_server_check_status,agg_check_status,-,ssl_sess,' +
  'ssl_reused_sess,ssl_failed_handshake,h2_headers_rcvd,h2_data_rcvd,h2_settings_rcvd,h2_rst_stream_rcvd,h2_goaway_rcvd,' +
  'h2_detected_conn_protocol_errors,h2_detected_strm_protocol_errors,h2_rst_stream_resp,h2_goaway_resp,' +
  'h2_open_connections,h2_backend_open_streams,h2_total_connections,h2_backend_total_streams,h1_open_connections,' +
  'h1_open_streams,h1_total_connections,h1_total_streams,h1_bytes_in,h1_bytes_out,h1_spliced_bytes_in,h1_spliced_bytes_out'
).split(',');

type Row = Record<string, string | number>;

/** `/haproxy?stats;csv` piece by piece: a frontend row per port, a row per server, a backend row per service. */
export function* statsCsv(stats: ProxyStats): Iterable<string> {
  yield `# ${csvColumns.join(',')},\n`;
  let proxyNumber = 1;
  for (const frontend of stats.frontends) {
    proxyNumber += 1;
    yield line({
      pxname: frontend.name,
      svname: 'FRONTEND',
      ...common(frontend.values, frontend.mode, 0, proxyNumber),
      status: 'OPEN',
      dcon: frontend.values.dcon,
      conn_rate: frontend.values.rate,
      conn_rate_max: frontend.values.rate_max,
      conn_tot: frontend.values.stot,
    });
  }
  for (const service of stats.services) {
    proxyNumber += 1;
    yield* serviceLines(service, proxyNumber);
  }
}

function* serviceLines(service: ServiceStats, iid: number): Iterable<string> {
  let sid = 0;
  for (const server of service.servers) {
    const { values } = server;
    sid += 1;
    yield line({
      pxname: service.name,
      svname: server.name,
      ...common(values, service.mode, 2, iid),
      sid,
      status: server.status,
      weight: 1,
      act: server.status === 'UP' ? 1 : 0,
      bck: 0,
      qcur: 0,
      qmax: 0,
      lbtot: values.stot,
      addr: server.address,
      srv_icur: server.idle,
      ...serverSide(values),
    });
  }
  const up = service.servers.filter(({ status }) => status === 'UP').length;
  yield line({
    pxname: service.name,
    svname: 'BACKEND',
    ...common(service.values, service.mode, 1, iid),
    status: up > 0 ? 'UP' : 'DOWN',
    weight: up,
    act: up,
    bck: 0,
    qcur: 0,
    qmax: 0,
    lbtot: service.values.stot,
    algo: 'roundrobin',
    ...serverSide(service.values),
  });
}

function common(values: CounterValues, mode: string, type: number, iid: number): Row {
  const { scur, smax, stot, bin, bout, ereq, rate, rate_max } = values;
  const row: Row = {
    scur,
    smax,
    stot,
    bin,
    bout,
    dreq: 0,
    dresp: 0,
    pid: 1,
    iid,
    sid: 0,
    type,
    rate,
    rate_max,
    mode,
  };
  if (type === 0) row['ereq'] = ereq;
  if (mode === 'tcp') return row;
  const { hrsp_1xx, hrsp_2xx, hrsp_3xx, hrsp_4xx, hrsp_5xx, hrsp_other, req_rate, req_rate_max, req_tot } =
    values;
  return {
    ...row,
    hrsp_1xx,
    hrsp_2xx,
    hrsp_3xx,
    hrsp_4xx,
    hrsp_5xx,
    hrsp_other,
    req_rate,
    req_rate_max,
    req_tot,
  };
}

function serverSide(values: CounterValues): Row {
  const {
    econ,
    eresp,
    wretr,
    wredis,
    cli_abrt,
    srv_abrt,
    lastsess,
    ctime,
    rtime,
    ttime,
    connect,
    reuse,
    ctime_max,
    rtime_max,
    ttime_max,
  } = values;
  return {
    econ,
    eresp,
    wretr,
    wredis,
    cli_abrt,
    srv_abrt,
    lastsess,
    qtime: 0,
    ctime,
    rtime,
    ttime,
    connect,
    reuse,
    qtime_max: 0,
    ctime_max,
    rtime_max,
    ttime_max,
  };
}

function line(row: Row): string {
  let text = '';
  for (const column of csvColumns) {
    const value = row[column];
    text += value === undefined ? ',' : `${cell(value)},`;
  }
  return `${text}\n`;
}

function cell(value: string | number): string {
  const text = String(value);
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
