import { type ChildProcess, fork, spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../test/support/package-root.js';
import { waitFor } from '../test/support/wait-for.js';
import { type Ask, askWith } from './_load.js';

/** A real `longrun server` in a process of its own, and simulated agents in another. */

export interface Urls {
  readonly api: string;
  readonly master: string;
}

export interface BenchServer {
  readonly process: ChildProcess;
  readonly urls: Urls;
  /** From the start of the process to its ready file. */
  readonly readyMs: number;
}

export interface ServerPlace {
  readonly workDir: string;
  readonly servicePorts: string;
  /** 0: whichever is free. A server that is to be found again after a restart keeps those of the first. */
  readonly httpPort?: number;
  readonly masterPort?: number;
}

/** With PROFILE=DIR in the environment the server writes its cpu profile there when it ends. */
export async function startServer({
  workDir,
  servicePorts,
  httpPort = 0,
  masterPort = 0,
}: ServerPlace): Promise<BenchServer> {
  const readyFile = join(workDir, 'ready.json');
  rmSync(readyFile, { force: true });
  const profile = process.env['PROFILE'] ? ['--cpu-prof', '--cpu-prof-dir', process.env['PROFILE']] : [];
  const args = [
    ...profile,
    join(packageRoot(), 'bin/longrun.js'),
    'server',
    ...['--work-dir', workDir],
    ...['--http-port', String(httpPort)],
    ...['--master-port', String(masterPort)],
    ...['--service-ports', servicePorts],
    ...['--ready-file', readyFile],
    ...['--log-level', 'error'],
  ];
  const started = performance.now();
  const server = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  await waitFor(() => existsSync(readyFile) || server.exitCode !== null, {
    timeoutMs: 60_000,
    what: 'the server to be ready',
  });
  const readyMs = performance.now() - started;
  return { process: server, urls: JSON.parse(readFileSync(readyFile, 'utf8')) as Urls, readyMs };
}

/** Ends a child and waits for it. */
export async function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise<void>((done) => child.once('exit', () => done()));
  child.kill(signal);
  await gone;
}

export async function startAgents(
  { master }: Urls,
  workDir: string,
  agents: { readonly count: number; readonly resources: string; readonly host?: string },
): Promise<ChildProcess> {
  const child = fork(join(__dirname, '_sim-agents.js'), [
    master,
    join(workDir, 'token'),
    String(agents.count),
    agents.resources,
    ...(agents.host === undefined ? [] : [agents.host]),
  ]);
  await new Promise<void>((registered, failed) => {
    child.once('message', () => registered());
    child.once('exit', () => failed(new Error('the agents ended')));
  });
  return child;
}

const PROBE_PERIOD_MS = 10;

/** Asks for /ping all the time; what it takes longer than in peace, the event loop was busy. */
export class Prober {
  readonly latenciesMs: number[] = [];
  readonly #ask: Ask;
  #isStopped = false;
  #loop: Promise<void> | undefined;

  constructor(api: string) {
    this.#ask = askWith(api, 1);
  }

  start(): this {
    this.#loop = this.#run();
    return this;
  }

  async #run(): Promise<void> {
    while (!this.#isStopped) {
      const { tookMs } = await this.#ask('GET', '/ping');
      this.latenciesMs.push(tookMs);
      await new Promise<void>((next) => setTimeout(next, Math.max(0, PROBE_PERIOD_MS - tookMs)));
    }
  }

  /** What was measured since the last call. */
  take(): readonly number[] {
    return this.latenciesMs.splice(0);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#loop;
  }
}

/** The largest resident size of a process since `forgetPeak`, or now, in MiB. */
export function memoryMiB(pid: number | undefined, which: 'VmHWM' | 'VmRSS'): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(new RegExp(`^${which}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? Number.NaN) / 1_024;
}

/** Lets the peak of a process begin anew at what it holds now. */
export function forgetPeak(pid: number | undefined): void {
  writeFileSync(`/proc/${pid}/clear_refs`, '5');
}

/** Seconds of cpu that a process has used, user and system. */
export function cpuSeconds(pid: number | undefined): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}
