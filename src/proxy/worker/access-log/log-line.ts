import type { ExchangeRecord } from '../exchange-record.js';

/** What a line says besides the record. */
export interface LineContext {
  /** When the request's first byte came, or the connection; wall clock. */
  readonly startedWallMs: number;
  /** Connections of this worker's clients. */
  readonly connections: number;
}

/** Makes one line of a record, with its newline. */
export type LineFormat = (record: ExchangeRecord, context: LineContext) => string;

/** Longest path, with its query, that is told; what is cut ends in `...`. */
const MAX_TARGET = 4_096;

/** Path, and query when it may be told; queries hold secrets too often. */
export function toldTarget(target: string, withQuery: boolean): string {
  const query = withQuery ? -1 : target.indexOf('?');
  const told = query < 0 ? target : target.slice(0, query);
  return told.length <= MAX_TARGET ? told : `${told.slice(0, MAX_TARGET)}...`;
}

/** The protocol as the client spoke it. */
export function protocolOf({ head, client }: ExchangeRecord): string {
  if (head === undefined) return '';
  return client.isHttp2 ? 'HTTP/2.0' : `HTTP/1.${head.minor}`;
}
