import type { ProxyStats } from './proxy-stats.js';
import { type StatRow, statRows } from './stat-rows.js';

/** Type of a server's row. */
const SERVER = 2;

/**
 * HAProxy 2.6's columns, in its order; scripts find them by name. Left out is its column `-`, which separates its modules: readers that make
 * a field of each column (zdd.py does) fail at that name. The last line position is a trailing comma as well.
 */
export const csvColumns: readonly string[] = (
  'pxname,svname,qcur,qmax,scur,smax,slim,stot,bin,bout,dreq,dresp,ereq,econ,eresp,wretr,wredis,status,weight,act,bck,' +
  'chkfail,chkdown,lastchg,downtime,qlimit,pid,iid,sid,throttle,lbtot,tracked,type,rate,rate_lim,rate_max,check_status,' +
  'check_code,check_duration,hrsp_1xx,hrsp_2xx,hrsp_3xx,hrsp_4xx,hrsp_5xx,hrsp_other,hanafail,req_rate,req_rate_max,' +
  'req_tot,cli_abrt,srv_abrt,comp_in,comp_out,comp_byp,comp_rsp,lastsess,last_chk,last_agt,qtime,ctime,rtime,ttime,' +
  'agent_status,agent_code,agent_duration,check_desc,agent_desc,check_rise,check_fall,check_health,agent_rise,agent_fall,' +
  'agent_health,addr,cookie,mode,algo,conn_rate,conn_rate_max,conn_tot,intercepted,dcon,dses,wrew,connect,reuse,' +
  'cache_lookups,cache_hits,srv_icur,src_ilim,qtime_max,ctime_max,rtime_max,ttime_max,eint,idle_conn_cur,safe_conn_cur,' +
  'used_conn_cur,need_conn_est,uweight,agg_server_status,agg_server_check_status,agg_check_status,ssl_sess,' +
  'ssl_reused_sess,ssl_failed_handshake,h2_headers_rcvd,h2_data_rcvd,h2_settings_rcvd,h2_rst_stream_rcvd,h2_goaway_rcvd,' +
  'h2_detected_conn_protocol_errors,h2_detected_strm_protocol_errors,h2_rst_stream_resp,h2_goaway_resp,' +
  'h2_open_connections,h2_backend_open_streams,h2_total_connections,h2_backend_total_streams,h1_open_connections,' +
  'h1_open_streams,h1_total_connections,h1_total_streams,h1_bytes_in,h1_bytes_out,h1_spliced_bytes_in,h1_spliced_bytes_out'
).split(',');

/** `/haproxy?stats;csv` piece by piece. With `onlyUp` servers that get no requests are left out, as with HAProxy's `;up`. */
export function* statsCsv(stats: ProxyStats, { onlyUp = false } = {}): Iterable<string> {
  yield `# ${csvColumns.join(',')},\n`;
  for (const row of statRows(stats)) if (!onlyUp || isShown(row)) yield line(row);
}

function isShown(row: StatRow): boolean {
  return row['type'] !== SERVER || row['status'] === 'UP';
}

function line(row: StatRow): string {
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
