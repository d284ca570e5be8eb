import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { SystemClock } from '../util/clock.js';
import { LineClient } from '../util/line/line-client.js';
import { outliveOutput } from '../util/outlive-output.js';
import { bootId } from '../util/process-identity.js';
import { HaproxyWorker } from './haproxy/haproxy-worker.js';
import type { ToParent, ToWorker, WorkerConfig } from './listeners/worker-messages.js';
import { type FromProxy, PROXY_LINE_PATH, PROXY_PROTOCOL_VERSION, type ToProxy } from './table.js';
import { controlSocketPath } from './worker/control-socket.js';
import { WorkerLog } from './worker/worker-log.js';

/** A process without a parent that the next one could not find must not live for ever. */
const ORPHAN_CHECK_MS = 2_000;

function tell(message: ToParent): boolean {
  if (!process.connected || !process.send) return false;
  process.send(message);
  return true;
}

function run(config: WorkerConfig): HaproxyWorker {
  const clock = new SystemClock();
  const log = new WorkerLog(config.logLevel, tell);
  const worker = new HaproxyWorker({
    config,
    bootId: bootId(),
    tell,
    makeLine: (handlers, serverUrl) => {
      const line = new LineClient<ToProxy, FromProxy>({
        url: serverUrl,
        path: PROXY_LINE_PATH,
        token: () => config.token,
        protocolVersion: PROXY_PROTOCOL_VERSION,
        peer: config.proxyId,
        handlers,
        clock,
        log,
      });
      line.start();
      return line;
    },
    exit: () => process.exit(0),
    clock,
    log,
  });
  process.on('SIGTERM', () => worker.retire());
  process.on('disconnect', () => {
    log.info('the parent is gone; serving on', { pid: process.pid });
    const socket = controlSocketPath(join(config.workDir, 'run'), process.pid);
    setInterval(() => {
      if (!existsSync(socket)) process.exit(0);
    }, ORPHAN_CHECK_MS);
  });
  const failed = (error: unknown): void => {
    log.error('a defect ended the process beside HAProxy', { error });
    setTimeout(() => process.exit(1), 20);
  };
  process.on('uncaughtException', failed);
  worker.start().catch(failed);
  return worker;
}

let worker: HaproxyWorker | undefined;
process.title = 'longrun haproxy';
outliveOutput();
process.on('SIGINT', () => undefined);
process.on('SIGHUP', () => undefined);
process.on('message', (raw) => {
  const message = raw as ToWorker;
  if (message.type === 'CONFIG') worker ??= run(message);
  else worker?.fromParent(message);
});
