import { join } from 'node:path';
import type { Command } from 'commander';
import type { Settings } from '../config/settings.js';
import { openWorkDir } from '../config/work-dir.js';
import { makeLog } from '../logging/pino-log.js';
import { SystemClock } from '../util/clock.js';
import { outliveOutput } from '../util/outlive-output.js';
import { LockHeld, PidLock } from '../util/pid-lock.js';
import type { ChildService } from './child-entry.js';
import { entries, execArgv } from './entries.js';
import { Interrupts } from './interrupts.js';
import type { StopMode } from './process-messages.js';
import { writeReadyFile } from './ready-file.js';
import { addSettings, agentFlags, proxyFlags, serverFlags, settingsOf, upFlags } from './setting-options.js';
import { Up } from './up.js';

type Options = Readonly<Record<string, string | boolean | undefined>>;

/** Keeps the process alive while timers are unreferenced. */
function stayAlive(): void {
  setInterval(() => undefined, 2 ** 30);
}

/** Commands that run something: up, server, agent, proxy. */
export function addRunCommands(root: Command): void {
  addSettings(root.command('up'), upFlags)
    .description('run everything on this machine: server, agent and load balancer')
    .addHelpText(
      'after',
      `
Ctrl-C stops everything, tasks included, with their grace period (a second one: at once); definitions stay and start
again at the next \`up\`. SIGTERM and SIGHUP leave tasks and the load balancer running; the next \`up\` on the same work
dir takes over.

Examples:
  longrun up                                               on the default ports
  longrun up --work-dir /tmp/try --http-port 0 --master-port 0 --agent-port 0 --lb-http-port 0 --lb-stats-port 0 --lb-app-id-port 0 --dns-port 0 --dns-http-port 0
                                                           a second one beside it, on free ports
  longrun up --resources 'cpus:4;mem:4096' --attributes 'rack:r1'
  LONGRUN_HTTP_PORT=8081 longrun up --config settings.yaml`,
    )
    .action((options: Options) => runUp(settingsOf(options, true)));
  addSettings(root.command('server'), serverFlags)
    .description('run only the server (API, scheduler, master); agents and proxies join it')
    .addHelpText(
      'after',
      '\nExample:\n  longrun server --work-dir /var/lib/longrun\nAgents and proxies join with --server http://HOST:5050 and a copy of the file `token` in the work dir.',
    )
    .action(async (options: Options) => {
      const settings = settingsOf(options);
      const { makeServerService } = await import('../server/server-main.js');
      await runAlone('server', settings, () => makeServerService(settings, () => undefined).service);
    });
  addSettings(root.command('agent'), agentFlags)
    .description('run only an agent: offers this machine to a server')
    .addHelpText(
      'after',
      '\nExample:\n  longrun agent --server http://10.0.0.1:5050 --token-file ./token --hostname worker-1 --work-dir /var/lib/longrun-agent',
    )
    .action(async (options: Options) => {
      const settings = settingsOf(options, true);
      const url = serverOf(settings);
      const { makeAgentService } = await import('./agent-main.js');
      await runAlone('agent', settings, () => makeAgentService(settings, url).service);
    });
  addSettings(root.command('proxy'), proxyFlags)
    .description('run only a load balancer that follows a server')
    .addHelpText(
      'after',
      '\nExample:\n  longrun proxy --server http://10.0.0.1:5050 --token-file ./token --work-dir /var/lib/longrun-proxy --lb-address 0.0.0.0',
    )
    .action(async (options: Options) => {
      const settings = settingsOf(options);
      const url = serverOf(settings);
      const { makeProxyService } = await import('./proxy-service.js');
      await runAlone('proxy', settings, () =>
        makeProxyService(settings, url, { entry: entries.proxyWorker, execArgv: [...execArgv.proxy] }),
      );
    });
}

function serverOf(settings: Settings): string {
  return settings.server ?? `http://127.0.0.1:${settings.masterPort}`;
}

function runUp(settings: Settings): void {
  const log = makeLog({ level: settings.logLevel, format: settings.logFormat }).child('up');
  const clock = new SystemClock();
  const interrupts = new Interrupts(clock);
  const up = new Up(
    settings,
    {
      say: (line) => void process.stdout.write(`${line}\n`),
      complain: (line) => void process.stderr.write(`${line}\n`),
      exit: (code) => process.exit(code),
    },
    clock,
    log,
  );
  // A closed terminal must not end us by a write that fails, nor a log on a full disk.
  outliveOutput();
  const stop = (mode: StopMode) => (): void => {
    up.stop(mode).catch((error: unknown) => {
      process.stderr.write(
        `stopping went wrong: ${error instanceof Error ? error.message : String(error)}\n`,
      );
      process.exit(1);
    });
  };
  const interrupted = stop('kill-tasks');
  process.on('SIGINT', () => interrupts.isNew() && interrupted());
  process.on('SIGTERM', stop('leave-tasks'));
  process.on('SIGHUP', stop('leave-tasks'));
  if (!up.start()) {
    process.exitCode = 1;
    return;
  }
  stayAlive();
}

/** Runs one service as this whole process, under its own lock in the work dir. */
async function runAlone(role: string, settings: Settings, make: () => ChildService): Promise<void> {
  outliveOutput();
  const workDir = openWorkDir(settings.workDir);
  process.stdout.write(`work dir: ${workDir.path}\n`);
  let lock: PidLock;
  try {
    lock = PidLock.take(join(workDir.run, `${role}-command.lock`));
  } catch (error) {
    if (!(error instanceof LockHeld)) throw error;
    process.stderr.write(
      `Another longrun ${role} (process ${error.holder.pid}) already uses ${workDir.path}; give this one its own --work-dir.\n`,
    );
    process.exitCode = 1;
    return;
  }
  const service = make();
  const interrupts = new Interrupts(new SystemClock());
  let stopping = false;
  const stop = (mode: StopMode) => (): void => {
    if (mode === 'kill-tasks' && !interrupts.isNew()) return;
    const actual = mode === 'kill-tasks' && stopping ? 'kill-now' : mode;
    stopping = true;
    service.stop(actual).then(
      () => {
        lock.release();
        process.exit(0);
      },
      (error: unknown) => {
        process.stderr.write(
          `stopping went wrong: ${error instanceof Error ? error.message : String(error)}\n`,
        );
        process.exit(1);
      },
    );
  };
  process.on('SIGINT', stop('kill-tasks'));
  process.on('SIGTERM', stop('leave-tasks'));
  process.on('SIGHUP', stop('leave-tasks'));
  stayAlive();
  let urls: Readonly<Record<string, string>>;
  try {
    urls = await service.start();
    if (settings.readyFile) writeReadyFile(settings.readyFile, { urls, pids: { [role]: process.pid } });
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    lock.release();
    process.exit(1);
  }
  process.stdout.write(
    `longrun is ready: ${Object.entries(urls)
      .map(([name, url]) => `${name} ${url}`)
      .join(', ')}\n`,
  );
}
