import type { Counters } from '../counters.js';
import type { ExchangeRecord } from '../exchange-record.js';
import type { LiveServer } from '../live-server.js';
import type { LiveService } from '../live-service.js';

/** Counts one exchange for its frontend, its service, the server of the moment and its record. */
export class ExchangeCounts {
  constructor(
    private readonly frontend: Counters,
    private readonly service: LiveService,
    private readonly record: ExchangeRecord,
  ) {}

  /** The request was accepted; `headBytes`: its head as servers are sent it. */
  begin(headBytes: number): void {
    const { counters } = this.service;
    counters.begin(this.record.startedMs);
    counters.request(this.record.startedMs);
    counters.bin += headBytes;
    this.record.bytesIn += headBytes;
  }

  fromClient(bytes: number, server: LiveServer | undefined): void {
    this.service.counters.bin += bytes;
    this.record.bytesIn += bytes;
    if (server) server.counters.bin += bytes;
  }

  fromServer(bytes: number, server: LiveServer | undefined): void {
    this.frontend.bout += bytes;
    this.service.counters.bout += bytes;
    this.record.bytesOut += bytes;
    if (server) server.counters.bout += bytes;
  }

  /** A final head is about to be passed on. */
  answered(status: number, server: LiveServer | undefined, nowMs: number): void {
    const { record } = this;
    record.answeredMs = nowMs;
    record.status = status;
    record.phase = 'D';
    const elapsedMs = nowMs - record.headMs;
    this.frontend.response(status);
    this.service.counters.response(status);
    this.service.counters.responseTime.add(elapsedMs);
    server?.counters.response(status);
    server?.counters.responseTime.add(elapsedMs);
    server?.answered(status, nowMs);
  }

  serverError(server: LiveServer | undefined): void {
    this.service.counters.eresp += 1;
    if (server) server.counters.eresp += 1;
  }

  end(nowMs: number): void {
    const { counters } = this.service;
    counters.totalTime.add(nowMs - this.record.startedMs);
    counters.end();
  }
}
