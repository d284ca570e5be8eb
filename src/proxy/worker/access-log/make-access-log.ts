import { join } from 'node:path';
import type { LogTarget } from '../../../config/log-target.js';
import type { Log } from '../../../logging/log.js';
import type { Clock } from '../../../util/clock.js';
import { AccessLog } from './access-log.js';
import { haproxyLines } from './haproxy-line.js';
import { jsonLines } from './json-line.js';
import { LogFile } from './log-file.js';
import type { LogSink } from './log-sink.js';
import { OutputSink } from './output-sink.js';
import { SyslogSink } from './syslog-sink.js';

/** What is said about the access log. */
export interface AccessLogSettings {
  readonly format: 'json' | 'haproxy';
  readonly to: LogTarget;
  readonly maxBytes: number;
  /** Files that are kept, with the present one. */
  readonly files: number;
  readonly withQuery: boolean;
}

export interface AccessLogPlace {
  readonly workDir: string;
  readonly slot: number;
  readonly connections: () => number;
  readonly clock: Clock;
  readonly log: Log;
}

/** The access log of a worker, as the settings say. */
export function makeAccessLog(settings: AccessLogSettings, place: AccessLogPlace): AccessLog {
  const { connections, clock, log } = place;
  const format = (settings.format === 'json' ? jsonLines : haproxyLines)(settings);
  return new AccessLog({ format, sink: sinkFor(settings, place), connections, clock, log });
}

function sinkFor({ to, maxBytes, files }: AccessLogSettings, place: AccessLogPlace): LogSink {
  if (to.kind === 'stdout') return new OutputSink(process.stdout);
  if (to.kind === 'syslog')
    return new SyslogSink(to.host, to.port, `longrun-proxy[${process.pid}]`, place.clock);
  return new LogFile(join(place.workDir, 'proxy', `access-${place.slot}.log`), maxBytes, files, () =>
    place.clock.monotonicMs(),
  );
}
