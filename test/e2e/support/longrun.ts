import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chownSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expectContractAnswer, headerTexts } from '../../support/checked-answers.js';
import { packageRoot } from '../../support/package-root.js';
import { waitFor } from '../../support/wait-for.js';
import { checkAnswersOf } from './http.js';
import {
  commandOf,
  containerGroups,
  containerProcesses,
  environmentOf,
  livePids,
  type Parts,
  sortParts,
} from './parts.js';
import { PortBlock } from './port-block.js';

const root = packageRoot();

export interface Ready {
  readonly api: string;
  readonly master: string;
  readonly agent: string;
  readonly lb: string;
  readonly stats: string;
  /** Requests name their app there. */
  readonly apps?: string;
  /** `dns://address:port`, and the HTTP interface of the name server. */
  readonly dns: string;
  readonly names: string;
  readonly pids: {
    readonly parent: number;
    readonly server: number;
    readonly agent: number;
    readonly proxy: readonly number[];
  };
}

export interface Answer<T = Record<string, unknown>> {
  readonly status: number;
  readonly headers: Headers;
  readonly body: T;
}

export interface TaskJson {
  readonly id: string;
  readonly state: string;
  readonly host: string;
  readonly ports: readonly number[];
  readonly version?: string;
  readonly healthCheckResults?: readonly { readonly alive: boolean }[];
}

export interface AppJson {
  readonly id: string;
  readonly instances: number;
  readonly version: string;
  readonly portDefinitions: readonly { readonly port: number }[];
  readonly tasksRunning: number;
  readonly tasksHealthy: number;
  readonly tasksStaged: number;
  readonly tasksUnhealthy: number;
  readonly deployments: readonly { readonly id: string }[];
  readonly tasks: readonly TaskJson[];
  readonly labels: Readonly<Record<string, string>>;
}

/** A real `longrun up` on a temporary work dir and free ports, driven as a user would. */
export class Longrun {
  ready!: Ready;
  #child: ChildProcess | undefined;
  readonly output: string[] = [];
  readonly #ports = PortBlock.take();

  private constructor(
    readonly workDir: string,
    private readonly flags: readonly string[],
    /** The program, with its arguments, that `up` is run by. */
    private readonly wrap: readonly string[] = [],
  ) {}

  static async start(...flags: string[]): Promise<Longrun> {
    return Longrun.startOn(mkdtempSync(join(tmpdir(), 'longrun-e2e-')), ...flags);
  }

  /** On a work dir of the caller's choice. */
  static async startOn(workDir: string, ...flags: string[]): Promise<Longrun> {
    return Longrun.#started(new Longrun(workDir, flags));
  }

  /** On a work dir of the user `nobody` and run by it; by whoever runs the tests when that is not root. */
  static async startAsOrdinaryUser(...flags: string[]): Promise<Longrun> {
    const workDir = mkdtempSync(join(tmpdir(), 'longrun-e2e-'));
    if (process.getuid?.() !== 0) return Longrun.startOn(workDir, ...flags);
    const [uid, gid] = ['-u', '-g'].map((flag) =>
      Number(spawnSync('id', [flag, 'nobody'], { encoding: 'utf8' }).stdout),
    );
    if (!uid || !gid) throw new Error('this host has no user nobody');
    chownSync(workDir, uid, gid);
    const wrap = ['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups'];
    return Longrun.#started(new Longrun(workDir, flags, wrap));
  }

  /** Run by another program, whose last arguments it becomes. */
  static async startBy(wrap: readonly string[], ...flags: string[]): Promise<Longrun> {
    return Longrun.#started(new Longrun(mkdtempSync(join(tmpdir(), 'longrun-e2e-')), flags, wrap));
  }

  static async #started(longrun: Longrun): Promise<Longrun> {
    try {
      await longrun.up();
    } catch (error) {
      await longrun.destroy();
      throw error;
    }
    return longrun;
  }

  /** First of the hundred ports that service ports are assigned from; the next hundred are the tasks' host ports. */
  get firstServicePort(): number {
    return this.#ports.first;
  }

  get instanceId(): string {
    return readFileSync(join(this.workDir, 'instance-id'), 'utf8').trim();
  }

  /** The containers of this longrun that have cgroups, with the processes in them. */
  containerGroups(): ReadonlyMap<string, ReadonlySet<number>> {
    const { waiting } = containerProcesses(this.workDir);
    return new Map([...containerGroups(this.instanceId)].filter(([id]) => !waiting.has(id)));
  }

  /** Its processes by their part; tasks are left out. */
  parts(): Parts {
    const tasks = new Set(this.taskPids());
    return sortParts(
      this.ownPids().filter((pid) => !tasks.has(pid)),
      this.process.pid ?? 0,
      this.workDir,
    );
  }

  get #readyFile(): string {
    return join(this.workDir, 'ready.json');
  }

  /** Process ids that the ready file tells at this moment. */
  toldPids(): readonly number[] {
    const { pids } = JSON.parse(readFileSync(this.#readyFile, 'utf8')) as Ready;
    return [pids.parent, pids.server, pids.agent, ...pids.proxy];
  }

  /** Starts `up` (again) on the same work dir; ports stay what they were. `flags`: other ones than at the first time. */
  async up({
    wrap = this.wrap,
    flags = this.flags,
  }: {
    wrap?: readonly string[];
    flags?: readonly string[];
  } = {}): Promise<void> {
    const again = this.ready as Ready | undefined;
    const port = (url: string | undefined): string => (url ? new URL(url).port : '0');
    rmSync(this.#readyFile, { force: true });
    const args = [
      join(root, 'bin/longrun.js'),
      'up',
      '--work-dir',
      this.workDir,
      '--ready-file',
      this.#readyFile,
      '--http-port',
      port(again?.api),
      '--master-port',
      port(again?.master),
      '--agent-port',
      port(again?.agent),
      '--lb-http-port',
      port(again?.lb),
      '--dns-port',
      port(again?.dns),
      '--dns-http-port',
      port(again?.names),
      '--lb-app-id-port',
      port(again?.apps),
      '--lb-stats-port',
      port(again?.stats),
      '--service-ports',
      this.#ports.servicePorts,
      ...(flags.includes('--resources') ? [] : ['--resources', `ports:[${this.#ports.hostPorts}]`]),
      ...flags,
    ];
    const [program = process.execPath, ...rest] = [...wrap, process.execPath, ...args];
    const child = spawn(program, rest, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, LONGRUN_URL: undefined, E2E_WORK_DIR: this.workDir },
    });
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.output.push(text);
        if (process.env['E2E_VERBOSE']) process.stderr.write(text);
      });
    }
    await waitFor(() => existsSync(this.#readyFile) || child.exitCode !== null, {
      timeoutMs: 20_000,
      what: () => `longrun to be ready\n${this.output.join('')}`,
    });
    if (!existsSync(this.#readyFile))
      throw new Error(`longrun ended with ${child.exitCode}:\n${this.output.join('')}`);
    this.ready = JSON.parse(readFileSync(this.#readyFile, 'utf8')) as Ready;
    checkAnswersOf(this.ready.api);
  }

  get process(): ChildProcess {
    if (!this.#child) throw new Error('longrun is not up');
    return this.#child;
  }

  /** Asks the API; fails when the answer is not as openapi.yaml says. */
  async request<T = Record<string, unknown>>(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Answer<T>> {
    const answer = await fetch(new URL(path, this.ready.api), {
      method,
      headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const bytes = Buffer.from(await answer.arrayBuffer());
    expectContractAnswer({
      method,
      path,
      status: answer.status,
      headers: headerTexts(answer.headers),
      body: bytes,
    });
    const text = bytes.toString();
    let parsed: unknown = text;
    try {
      parsed = JSON.parse(text);
    } catch {
      // Not JSON: the text itself is the answer.
    }
    return { status: answer.status, headers: answer.headers, body: parsed as T };
  }

  async app(id: string): Promise<AppJson | undefined> {
    const answer = await this.request<{ app: AppJson }>('GET', `/v2/apps${id}?embed=app.tasks`);
    return answer.status === 200 ? answer.body.app : undefined;
  }

  /** Posts an app and waits until its deployment has ended. */
  async deploy(app: Record<string, unknown>, timeoutMs = 30_000): Promise<AppJson> {
    const answer = await this.request<AppJson>('POST', '/v2/apps', app);
    if (answer.status !== 201)
      throw new Error(`POST answered ${answer.status}: ${JSON.stringify(answer.body)}`);
    return this.settled(answer.body.id, timeoutMs);
  }

  /** Waits until no deployment touches the app. */
  async settled(id: string, timeoutMs = 30_000): Promise<AppJson> {
    let last: AppJson | undefined;
    return waitFor(
      async () => {
        last = await this.app(id).catch(() => undefined);
        return last && last.deployments.length === 0 ? last : undefined;
      },
      {
        timeoutMs,
        what: () =>
          `${id} to settle; last seen ${JSON.stringify(last)}\n${this.output.join('').slice(-4000)}`,
      },
    );
  }

  /** Pids of live processes whose environment names a task of this work dir. */
  taskPids(): number[] {
    return livePids().filter((pid) => {
      const environment = environmentOf(pid);
      return environment.includes(`${this.workDir}/`) && environment.includes('MESOS_TASK_ID=');
    });
  }

  /** Pids of the processes of one task. */
  pidsOfTask(taskId: string): number[] {
    return livePids().filter((pid) => environmentOf(pid).split('\0').includes(`MESOS_TASK_ID=${taskId}`));
  }

  /** Ends everything, kills what is left, removes the work dir. */
  async destroy(): Promise<void> {
    const child = this.#child;
    if (child && child.exitCode === null && child.signalCode === null) {
      child.kill('SIGINT');
      await waitFor(() => child.exitCode !== null || child.signalCode !== null, {
        timeoutMs: 20_000,
        what: 'longrun to stop',
      }).catch(() => child.kill('SIGKILL'));
    }
    this.killOwn();
    rmSync(this.workDir, { recursive: true, force: true, maxRetries: 5 });
    this.#ports.release();
  }

  /** SIGKILL for all of them at once, tasks too; one may be gone meanwhile. */
  killOwn(): void {
    for (const pid of this.ownPids()) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // Gone meanwhile.
      }
    }
  }

  /** Every live process that carries this work dir in its command line or environment. */
  ownPids(): number[] {
    return livePids().filter(
      (pid) => commandOf(pid).includes(this.workDir) || environmentOf(pid).includes(this.workDir),
    );
  }
}

/** A web app that needs nothing but Node: answers its task id, ends gracefully, knows a few tricks by path. */
export function webApp(id: string, overrides: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    id,
    cmd: `exec ${process.execPath} ${join(root, 'test/e2e/support/web-task.cjs')}`,
    cpus: 0.02,
    mem: 64,
    instances: 1,
    portDefinitions: [{ port: 0, name: 'http' }],
    healthChecks: [
      {
        protocol: 'HTTP',
        path: '/health',
        gracePeriodSeconds: 20,
        intervalSeconds: 1,
        timeoutSeconds: 5,
        maxConsecutiveFailures: 3,
      },
    ],
    taskKillGracePeriodSeconds: 5,
    ...overrides,
  };
}
