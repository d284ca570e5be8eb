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

/** Path, and query when it may be told; queries hold secrets too often. */
export function toldTarget(target: string, withQuery: boolean): string {
  if (withQuery) return target;
  const query = target.indexOf('?');
  return query < 0 ? target : target.slice(0, query);
}

/** The protocol as the client spoke it. */
export function protocolOf({ head }: ExchangeRecord): string {
  return head === undefined ? '' : `HTTP/1.${head.minor}`;
}
