import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packageRoot } from '../../support/package-root.js';
import { patience, waitFor } from '../../support/wait-for.js';

const bin = join(packageRoot(), 'bin/longrun.js');

export interface Ran {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs a command of longrun to its end. */
export function runCommand(args: readonly string[], environment: Readonly<Record<string, string>> = {}): Ran {
  const { status, stdout, stderr } = spawnSync(process.execPath, [bin, ...args], {
    encoding: 'utf8',
    timeout: 60_000 * patience,
    env: { ...process.env, LONGRUN_URL: undefined, NO_COLOR: '1', ...environment },
  });
  return { status, out: stdout, err: stderr };
}

/** A command of longrun that keeps running: server, agent, proxy, logs -f. */
export class RunningCommand {
  readonly workDir: string;
  urls: Readonly<Record<string, string>> = {};
  output = '';
  #child: ChildProcess | undefined;

  constructor(
    private readonly args: readonly string[],
    workDir?: string,
  ) {
    this.workDir = workDir ?? mkdtempSync(join(tmpdir(), 'longrun-e2e-'));
  }

  get process(): ChildProcess {
    if (!this.#child) throw new Error(`${this.args[0]} was not started`);
    return this.#child;
  }

  get over(): boolean {
    return this.process.exitCode !== null || this.process.signalCode !== null;
  }

  /** Starts a service (again) and waits until it is ready. */
  async up(): Promise<void> {
    const readyFile = join(this.workDir, 'ready.json');
    rmSync(readyFile, { force: true });
    this.start('--work-dir', this.workDir, '--ready-file', readyFile);
    await waitFor(() => existsSync(readyFile) || this.over, {
      timeoutMs: 20_000,
      what: () => `${this.args[0]} to be ready\n${this.output}`,
    });
    if (!existsSync(readyFile))
      throw new Error(`${this.args[0]} ended with ${this.process.exitCode}:\n${this.output}`);
    const { pids, ...urls } = await waitFor(() => {
      const text = readFileSync(readyFile, 'utf8');
      return text.endsWith('\n') ? (JSON.parse(text) as Record<string, string>) : undefined;
    });
    void pids;
    this.urls = urls;
  }

  start(...more: string[]): void {
    const child = spawn(process.execPath, [bin, ...this.args, ...more], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, LONGRUN_URL: undefined, NO_COLOR: '1', E2E_WORK_DIR: this.workDir },
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.output += text;
      });
    }
    this.#child = child;
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    if (!this.#child || this.over) return;
    this.#child.kill(signal);
    await waitFor(() => this.over, { timeoutMs: 20_000, what: `${this.args[0]} to end` });
  }
}
