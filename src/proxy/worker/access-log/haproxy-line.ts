import type { ExchangeRecord } from '../exchange-record.js';
import { type LineContext, type LineFormat, protocolOf, toldTarget } from './log-line.js';
import { Stamps } from './stamps.js';

/**
 * HAProxy's own formats (`option httplog`, `option tcplog`): client, accept date, frontend, backend/server, timers TR/Tw/Tc/Tr/Ta (tcp:
 * Tw/Tc/Tt), status, bytes, cookies, termination state, connections, queues, request line.
 */
export function haproxyLines(options: { readonly withQuery: boolean }): LineFormat {
  const stamps = new Stamps();
  return (record, context) => {
    const who = `${record.client.address}:${record.client.port} [${stamps.haproxy(context.startedWallMs)}] ${places(record)}`;
    const counts = countsOf(record, context);
    if (record.mode === 'tcp') {
      const timers = `${whole(record.waitedMs)}/${whole(record.connectMs)}/${whole(record.totalMs)}`;
      return `${who} ${timers} ${record.bytesOut} ${record.termination.slice(0, 2)} ${counts}\n`;
    }
    const timers = `${whole(record.requestMs)}/${whole(record.waitedMs)}/${whole(record.connectMs)}/${whole(record.responseMs)}/${whole(record.totalMs)}`;
    const status = record.status === 0 ? -1 : record.status;
    return `${who} ${timers} ${status} ${record.bytesOut} - - ${record.termination} ${counts} "${requestLine(record, options.withQuery)}"\n`;
  };
}

/** Frontend (`~`: over TLS), backend and server; what was not reached is told as HAProxy tells it. */
function places({ ingress, client, service, server }: ExchangeRecord): string {
  const frontend = client.tls === undefined ? ingress.name : `${ingress.name}~`;
  const backend = (server?.owner ?? service)?.name ?? ingress.name;
  return `${frontend} ${backend}/${server?.server.name ?? '<NOSRV>'}`;
}

function countsOf(
  { ingress, service, server, retries, redispatched, serverQueue, serviceQueue }: ExchangeRecord,
  { connections }: LineContext,
): string {
  const again = `${redispatched ? '+' : ''}${retries}`;
  return `${connections}/${ingress.counters.scur}/${service?.counters.scur ?? 0}/${server?.counters.scur ?? 0}/${again} ${serverQueue}/${serviceQueue}`;
}

function requestLine(record: ExchangeRecord, withQuery: boolean): string {
  const { head } = record;
  if (head === undefined) return '<BADREQ>';
  return `${head.method} ${escaped(toldTarget(head.target, withQuery))} ${protocolOf(record)}`;
}

/** As HAProxy does: what would end the field or is no visible ASCII is `#` and two hexadecimal digits. */
function escaped(target: string): string {
  return /^[!$-~]*$/.test(target)
    ? target
    : target.replace(
        /[^!$-~]/g,
        (c) => `#${(c.charCodeAt(0) & 0xff).toString(16).toUpperCase().padStart(2, '0')}`,
      );
}

function whole(ms: number): number {
  return ms < 0 ? -1 : Math.round(ms);
}
