import { endingText } from '../../stats/endings.js';
import type { ExchangeRecord } from '../exchange-record.js';
import type { LiveServer } from '../live-server.js';
import type { LiveService } from '../live-service.js';
import { type LineContext, type LineFormat, protocolOf, toldTarget } from './log-line.js';
import { Stamps } from './stamps.js';

/** Longest request id that is told. */
const MAX_REQUEST_ID = 128;

/** A line of JSON per record; what a server has in common with itself is made once. Durations are milliseconds, -1: never reached. */
export function jsonLines(options: { readonly withQuery: boolean }): LineFormat {
  const stamps = new Stamps();
  const parts = new WeakMap<LiveServer, string>();
  const serverPart = (server: LiveServer, service: LiveService): string => {
    let part = parts.get(server);
    if (part === undefined) {
      part = partOf(server, service);
      parts.set(server, part);
    }
    return part;
  };
  return (record, context) => {
    const { server, service } = record;
    const whose =
      server !== undefined && service !== undefined
        ? serverPart(server, server.owner ?? service)
        : service === undefined
          ? ''
          : `,"app":${JSON.stringify(service.service.appId)},"backend":"${service.name}"`;
    return `${opening(record, context, stamps)}${requestPart(record, options.withQuery)}${whose}${timesPart(record)}}\n`;
  };
}

function partOf(server: LiveServer, service: LiveService): string {
  const { version, name } = server.server;
  const of = version === undefined ? '' : `,"version":${JSON.stringify(version)}`;
  return `,"app":${JSON.stringify(service.service.appId)}${of},"backend":"${service.name}","server":"${name}","task":${JSON.stringify(server.taskId)}`;
}

function opening(
  { mode, ingress, client }: ExchangeRecord,
  { startedWallMs }: LineContext,
  stamps: Stamps,
): string {
  const address = client.address.includes(':') ? `[${client.address}]` : client.address;
  const tls = client.tls === undefined ? '' : `,"tls":"${client.tls.protocol}"`;
  return `{"time":"${stamps.iso(startedWallMs)}","mode":"${mode}","frontend":"${ingress.name}","client":"${address}:${client.port}"${tls}`;
}

function requestPart(record: ExchangeRecord, withQuery: boolean): string {
  const { head, mode, status } = record;
  if (mode === 'tcp') return '';
  if (head === undefined) return `,"status":${status}`;
  const id = head.fields.requestId;
  const known = id === undefined ? '' : `,"requestId":${JSON.stringify(id.slice(0, MAX_REQUEST_ID))}`;
  return `,"method":"${head.method}","host":"${head.hostName}","path":${quoted(toldTarget(head.target, withQuery))},"protocol":"${protocolOf(record)}","status":${status}${known}`;
}

function timesPart(record: ExchangeRecord): string {
  const { mode, bytesIn, bytesOut, retries, redispatched, serverQueue, serviceQueue, cause } = record;
  const request = mode === 'http' ? `"requestMs":${rounded(record.requestMs)},` : '';
  const answer = mode === 'http' ? `"responseMs":${rounded(record.responseMs)},` : '';
  const again = retries === 0 ? '' : `,"retries":${retries},"redispatched":${redispatched}`;
  const queued =
    serverQueue === 0 && serviceQueue === 0
      ? ''
      : `,"queue":{"server":${serverQueue},"backend":${serviceQueue}}`;
  const wrong = cause === '-' ? '' : `,"ended":"${endingText(cause, record.phase)}"`;
  return `,"bytesIn":${bytesIn},"bytesOut":${bytesOut},${request}"queueMs":${rounded(record.waitedMs)},"connectMs":${rounded(record.connectMs)},${answer}"totalMs":${rounded(record.totalMs)},"termination":"${record.termination}"${wrong}${again}${queued}`;
}

/** As JSON; most paths need nothing but quotes, and that is seen sooner than done. */
function quoted(text: string): string {
  return /^[!#-[\]-~]*$/.test(text) ? `"${text}"` : JSON.stringify(text);
}

/** To a hundredth of a millisecond. Whole numbers become text several times faster than fractions. */
function rounded(ms: number): string {
  if (ms < 0) return '-1';
  const hundredths = Math.round(ms * 100);
  const rest = hundredths % 100;
  const whole = (hundredths - rest) / 100;
  return rest === 0 ? `${whole}` : rest < 10 ? `${whole}.0${rest}` : `${whole}.${rest}`;
}
