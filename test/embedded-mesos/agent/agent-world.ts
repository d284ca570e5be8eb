import { type ChildProcess, fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { allPids } from '../../../src/embedded-mesos/containers/processes.js';
import type { FromAgent, ToAgent } from '../../../src/embedded-mesos/protocol/agent-line.js';
import type { TaskInfo, TaskStatus } from '../../../src/embedded-mesos/protocol/v1.js';
import { compiledFetcher, compiledPump, compiledSources } from '../support/compiled-sources.js';
import { waitFor } from '../support/patient-wait.js';
import { agentProcess } from './agent-process.js';
import { type CrashPoint, crashPointsProcess } from './crash-points.js';

export const framework = 'framework-1';
type TestMessage =
  | { type: 'TEST-STARTED'; url: string }
  | { type: 'TEST-REFUSED'; message: string }
  | { type: 'TEST-STOPPED' };

/** A real agent in a process of its own, and the master that it talks to. */
export class AgentWorld {
  readonly workDir = mkdtempSync(join(tmpdir(), 'longrun-agent-'));
  readonly registers: Extract<FromAgent, { type: 'REGISTER' }>[] = [];
  readonly statuses: TaskStatus[] = [];
  readonly messages: (FromAgent | TestMessage)[] = [];
  /** Whether the master acknowledges what it gets. */
  acknowledges = true;
  url = '';
  #child: ChildProcess | undefined;
  #agents = 0;

  constructor(private readonly options: Record<string, unknown> = {}) {
    chmodSync(this.workDir, 0o711);
  }

  /** `crashAt`: the moment at which it dies. */
  async start(options: Record<string, unknown> = {}, crashAt?: CrashPoint): Promise<this> {
    this.registers.length = 0;
    const answer = await this.tryStart(options, crashAt);
    if (answer.type !== 'TEST-STARTED') throw new Error(`the agent did not start: ${JSON.stringify(answer)}`);
    this.url = answer.url;
    await waitFor(() => this.registers.length > 0, { what: 'a REGISTER' });
    return this;
  }

  async tryStart(options: Record<string, unknown> = {}, crashAt?: CrashPoint): Promise<TestMessage> {
    const script = join(compiledSources(), `agent-process-${randomUUID()}.js`);
    writeFileSync(script, agentProcess);
    // Whole or not at all: another agent may be reading it.
    writeFileSync(`${script}.crash-points`, crashPointsProcess);
    renameSync(`${script}.crash-points`, join(compiledSources(), 'crash-points.js'));
    const all = {
      workDir: this.workDir,
      hostname: 'localhost',
      address: '127.0.0.1',
      port: 0,
      resources: 'cpus:4;mem:4096;disk:1000;ports:[31000-31100]',
      defaultUser: 'nobody',
      allowRootTasks: false,
      outputFileBytes: 1024 * 1024,
      outputFiles: 3,
      pumpScript: compiledPump(),
      fetch: { script: compiledFetcher() },
      inside: {
        execScript: join(compiledSources(), 'embedded-mesos/agent/exec/main.js'),
        askScript: join(compiledSources(), 'embedded-mesos/agent/checks/ask-main.js'),
        token: 'the token of the server',
      },
      ...this.options,
      ...options,
    };
    const words = [JSON.stringify(all), ...(crashAt === undefined ? [] : [crashAt])];
    const child = fork(script, words, { execArgv: [] });
    let answer: TestMessage | undefined;
    // What is sent to one that just died; its exit says so.
    child.on('error', () => undefined);
    child.on('message', (message: FromAgent | TestMessage) => {
      if (message.type === 'TEST-STARTED' || message.type === 'TEST-REFUSED') answer = message;
      this.#receive(message, child);
    });
    let end: string | undefined;
    child.once('exit', (code, signal) => {
      end = `it ended with ${code ?? signal}`;
    });
    const got = await waitFor(() => answer, { what: () => `the agent to start; ${end ?? 'it runs'}` });
    if (got.type === 'TEST-STARTED') this.#child = child;
    return got;
  }

  #receive(message: FromAgent | TestMessage, child: ChildProcess): void {
    this.messages.push(message);
    if (message.type === 'REGISTER') {
      this.registers.push(message);
      const agentId = message.agent.id?.value ?? `agent-${++this.#agents}`;
      child.send({ type: 'REGISTERED', agentId } satisfies ToAgent);
    } else if (message.type === 'UPDATE') {
      this.statuses.push(message.status);
      if (this.acknowledges) this.#acknowledge(message.status, child);
    }
  }

  #acknowledge(status: TaskStatus, child: ChildProcess): void {
    if (status.uuid === undefined || !child.connected) return;
    child.send({
      type: 'ACKNOWLEDGE',
      frameworkId: framework,
      taskId: status.task_id.value,
      uuid: status.uuid,
    } satisfies ToAgent);
  }

  send(message: ToAgent | { test: string; how?: unknown }): void {
    if (this.#child?.connected) this.#child.send(message);
  }

  task(command: string, more: Partial<TaskInfo> & { user?: string; mem?: number } = {}): TaskInfo {
    const { user, mem, ...rest } = more;
    return {
      name: 'web',
      task_id: { value: `web.${randomUUID()}` },
      agent_id: { value: 'agent-1' },
      resources: [
        { name: 'cpus', type: 'SCALAR', scalar: { value: 0.1 } },
        { name: 'mem', type: 'SCALAR', scalar: { value: mem ?? 64 } },
      ],
      command: { shell: true, value: command, ...(user !== undefined && { user }) },
      kill_policy: { grace_period: { nanoseconds: 2e9 } },
      ...rest,
    };
  }

  /** Has tasks run; returns their ids. */
  run(...tasks: TaskInfo[]): string[] {
    this.send({ type: 'RUN_TASKS', frameworkId: framework, tasks });
    return tasks.map(({ task_id }) => task_id.value);
  }

  launch(command: string, more: Parameters<AgentWorld['task']>[1] = {}): string {
    return this.run(this.task(command, more))[0] ?? '';
  }

  kill(taskId: string): void {
    this.send({ type: 'KILL_TASK', frameworkId: framework, taskId });
  }

  /** The distinct updates of a task in the order they came; repetitions of one count once. */
  updates(taskId: string): readonly TaskStatus[] {
    const seen = new Set<string | undefined>();
    return this.statuses.filter(
      ({ task_id, uuid }) => task_id.value === taskId && !seen.has(uuid) && seen.add(uuid),
    );
  }

  states(taskId: string): readonly string[] {
    return this.updates(taskId).map(({ state }) => state);
  }

  async status(taskId: string, state: TaskStatus['state']): Promise<TaskStatus> {
    return waitFor(() => this.updates(taskId).find((status) => status.state === state), {
      what: () => `${state} of ${taskId}; so far ${JSON.stringify(this.updates(taskId))}`,
    });
  }

  /** kill -9 of the agent, and nothing else. */
  async crash(): Promise<void> {
    const child = this.#child;
    if (!child) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await gone;
    this.#child = undefined;
  }

  /** Waits until it died of itself, at the moment that it was started with. */
  async died(when: CrashPoint): Promise<void> {
    const child = this.#child;
    if (!child) throw new Error('no agent was started');
    await waitFor(() => child.signalCode !== null || child.exitCode !== null, {
      what: `the agent to die when ${when}`,
    });
    if (child.signalCode !== 'SIGKILL') throw new Error(`the agent ended with ${child.exitCode}`);
    this.#child = undefined;
  }

  async stop(how: { killTasks: boolean; graceMs?: number }): Promise<void> {
    const child = this.#child;
    if (!child) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    this.send({ test: 'stop', how });
    await gone;
    this.#child = undefined;
  }

  async get(
    path: string,
    headers: Record<string, string> = {},
  ): Promise<{ status: number; text: string; json: unknown }> {
    const answer = await fetch(`${this.url}${path}`, { headers });
    const text = await answer.text();
    return { status: answer.status, text, json: text === '' ? undefined : JSON.parse(text) };
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  get instanceId(): string {
    return readFileSync(join(this.workDir, 'instance-id'), 'utf8').trim();
  }

  /** Pids of whatever names this work dir in its command line or environment, the agent excepted. */
  processes(): readonly number[] {
    return allPids().filter((pid) => {
      try {
        if (pid === process.pid || pid === this.#child?.pid) return false;
        const words =
          readFileSync(`/proc/${pid}/cmdline`, 'latin1') + readFileSync(`/proc/${pid}/environ`, 'latin1');
        return words.includes(this.workDir) && !words.includes('agent-process');
      } catch {
        return false;
      }
    });
  }

  /** Pids of one kind of servant: `launcher-1.sh`, `supervisor-1.sh`, `log-pump`. */
  servants(word: string): readonly number[] {
    return this.processes().filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes(word);
      } catch {
        return false;
      }
    });
  }

  /** Ends everything of this work dir. Returns what was left: nothing, in a sound world. */
  async close(): Promise<{ processes: number; groups: readonly string[] }> {
    this.acknowledges = true;
    if (!this.#child) await this.start();
    await this.stop({ killTasks: true, graceMs: 0 });
    await waitFor(() => this.processes().length === 0, {
      what: () => `the end of all processes of ${this.workDir}`,
    });
    const folders = ['cpu', 'memory', 'systemd', 'unified', '.'].map(
      (hierarchy) => `/sys/fs/cgroup/${hierarchy}/longrun/${this.instanceId}`,
    );
    const left = {
      processes: this.processes().length,
      groups: folders
        .filter((folder) => existsSync(folder))
        .map((folder) => `${folder}: ${readdirSync(folder)}`),
    };
    rmSync(this.workDir, { recursive: true, force: true });
    return left;
  }

  files(folder: string): readonly string[] {
    return readdirSync(join(this.workDir, 'agent', folder));
  }
}
