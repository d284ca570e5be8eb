import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { SystemClock } from '../util/clock.js';
import { LineClient } from '../util/line/line-client.js';
import { outliveOutput } from '../util/outlive-output.js';
import { bootId } from '../util/process-identity.js';
import type { ToParent, ToWorker, WorkerConfig } from './listeners/worker-messages.js';
import { type FromProxy, PROXY_LINE_PATH, PROXY_PROTOCOL_VERSION, type ToProxy } from './table.js';
import { controlSocketPath } from './worker/control-socket.js';
import { PasswordThread } from './worker/password-thread.js';
import { MAX_CONNECTIONS, ProxyWorker } from './worker/proxy-worker.js';
import { WorkerLog } from './worker/worker-log.js';

/** Descriptors kept for other things than client connections and their servers' connections. */
const RESERVED_DESCRIPTORS = 256;
/** A worker without a parent that the next one could not find must not live for ever. */
const ORPHAN_CHECK_MS = 2_000;

function tell(message: ToParent): boolean {
  if (!process.connected || !process.send) return false;
  process.send(message);
  return true;
}

/** Soft limit of open descriptors of this process; undefined when the kernel does not say. */
function descriptorLimit(): number | undefined {
  try {
    const limit = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
    return limit === undefined ? undefined : Number(limit);
  } catch {
    return undefined;
  }
}

function run(config: WorkerConfig): ProxyWorker {
  const clock = new SystemClock();
  const log = new WorkerLog(config.logLevel, tell);
  const limit = descriptorLimit() ?? Number.POSITIVE_INFINITY;
  const maxConnections = Math.min(
    config.maxConnections ?? MAX_CONNECTIONS,
    Math.max(64, Math.floor((limit - RESERVED_DESCRIPTORS) / 2)),
  );
  const worker = new ProxyWorker({
    config: { ...config, maxConnections },
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
    // Beside this very file, which the process was started with.
    verifyPassword: new PasswordThread(join(dirname(process.argv[1] ?? ''), 'password-thread-main.js'), clock)
      .verify,
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
  process.on('uncaughtException', (error) => {
    log.error('a defect ended this proxy worker', { error });
    setTimeout(() => process.exit(1), 20);
  });
  worker.start();
  return worker;
}

let worker: ProxyWorker | undefined;
process.title = 'longrun proxy';
outliveOutput();
process.on('SIGINT', () => undefined);
process.on('SIGHUP', () => undefined);
process.on('message', (raw, handle) => {
  const message = raw as ToWorker;
  if (message.type === 'CONFIG') worker ??= run(message);
  else void worker?.fromParent(message, handle as object | undefined);
});
