import type { TaskId } from '../../scheduler/instance.js';
import { argument } from './decide/escape.js';
import { MAP_FILES } from './decide/frame.js';
import type { Layout } from './decide/layout.js';
import { type Command, freed, NO_PLAN, outdated, type Plan, planChange } from './decide/plan-change.js';
import { commandLines } from './decide/render.js';
import { slotIndex } from './decide/slots.js';
import { numberIn, readStat, type StatRow } from './decide/stat-text.js';
import { RuntimeError, type RuntimeSocket } from './runtime-socket.js';

/** Commands that go over one connection. */
const BATCH = 20;
/** What HAProxy says when a command did what it should. */
const fine = /^(New server registered|no need to change|(IP|port|addr)\b|.*\bchanged from\b|$)/;

/**
 * The worker processes of HAProxy: the present one, which is told what changed as far as commands can, and those of earlier
 * configurations. These take no commands, and may ask any server they know until their last client has left: a server that leaves
 * counts as having something in flight for as long as one of them lives.
 */
export class Generations {
  readonly #plans = new Map<number, Plan>();
  #present = 0;
  /** Commands failed: only a configuration made anew is certain. */
  #doubtful = false;
  readonly #reported = new Map<TaskId, number>();

  constructor(
    private readonly runtime: RuntimeSocket,
    private readonly inFlight: (taskId: TaskId, count: number) => void,
  ) {}

  get presentPid(): number {
    return this.#present;
  }

  get pids(): readonly number[] {
    return [...this.#plans.keys()];
  }

  /** How many of earlier configurations there are. */
  get former(): number {
    return Math.max(0, this.#plans.size - 1);
  }

  plan(pid: number): Plan | undefined {
    return this.#plans.get(pid);
  }

  /** A worker with this plan takes the new connections from now on. */
  present(pid: number, plan: Plan): void {
    this.#present = pid;
    this.#plans.set(pid, plan);
    // Of a worker that an earlier process beside HAProxy started, nobody knows more than that it may know all of these.
    for (const [former, before] of this.#plans)
      if (before.head === NO_PLAN.head) this.#plans.set(former, plan);
    this.#doubtful = false;
  }

  /** All processes are gone, and what was in flight with them. */
  forgetAll(): void {
    this.#plans.clear();
    this.#present = 0;
  }

  doubt(): void {
    this.#doubtful = true;
  }

  /** Asks which workers live. Those that nobody knows count as workers without anything that commands could change. */
  async survey(): Promise<void> {
    const { workers } = await this.runtime.processes();
    const living = new Set(workers.map(({ pid }) => pid));
    for (const pid of this.#plans.keys()) if (!living.has(pid)) this.#plans.delete(pid);
    for (const { pid, reloads } of workers) {
      if (!this.#plans.has(pid)) this.#plans.set(pid, NO_PLAN);
      if (reloads === 0) this.#present = pid;
    }
  }

  /** Brings all workers to the layout as far as commands can; the plan of a new configuration where that is not enough. */
  async apply(layout: Layout): Promise<Plan | undefined> {
    let needed: Plan | undefined;
    for (const [pid, plan] of [...this.#plans]) {
      if (pid !== this.#present) {
        this.#plans.set(pid, outdated(plan, layout));
        continue;
      }
      const { commands, plan: after, reload } = planChange(plan, layout, !this.#doubtful);
      await this.#run(pid, commands).catch((error: unknown) => {
        // What a worker did not do once, its successor is made with; whom it may still ask counts until it has ended.
        if (!this.#doubtful) throw error;
      });
      this.#plans.set(pid, after);
      needed = reload ?? (this.#doubtful ? planChange(NO_PLAN, layout).reload : undefined);
    }
    return needed;
  }

  /**
   * Asks for what is in flight to those that left, reports it by task (`tasks` are those of the table), and frees the slots of
   * those that are done. Tells who still has something in flight.
   */
  async count(tasks: ReadonlySet<TaskId>): Promise<'nobody' | 'former' | 'present'> {
    const counts = new Map<TaskId, number>();
    for (const [pid, plan] of [...this.#plans]) {
      if (pid !== this.#present) {
        // It may send one more request to any of them on each connection that it still holds.
        for (const task of leavingTasks(plan)) if (!tasks.has(task)) counts.set(task, 1);
        continue;
      }
      for (const [backend, { slots }] of plan.backends) {
        if (!slots.some(({ state }) => state === 'leaving')) continue;
        const rows = await this.#stat(pid, backend);
        if (!rows) break;
        this.#countBackend(pid, backend, rows, tasks, counts);
      }
    }
    for (const task of this.#reported.keys()) if (!counts.has(task)) counts.set(task, 0);
    for (const [task, count] of counts) {
      if ((this.#reported.get(task) ?? 0) === count) continue;
      if (count === 0) this.#reported.delete(task);
      else this.#reported.set(task, count);
      this.inFlight(task, count);
    }
    const busy = [...this.#plans].filter(([, plan]) => !leavingTasks(plan).next().done);
    if (busy.length === 0) return 'nobody';
    return busy.some(([pid]) => pid === this.#present) ? 'present' : 'former';
  }

  /** In flight to tasks that left, as last asked. */
  leaving(): Iterable<readonly [TaskId, number]> {
    return this.#reported;
  }

  #countBackend(
    pid: number,
    backend: string,
    rows: readonly StatRow[],
    tasks: ReadonlySet<TaskId>,
    counts: Map<TaskId, number>,
  ): void {
    let plan = this.#plans.get(pid);
    if (!plan) return;
    const slots = plan.backends.get(backend)?.slots ?? [];
    for (const row of rows) {
      const index = slotIndex(row['svname'] ?? '');
      const slot = slots[index];
      if (slot?.state !== 'leaving') continue;
      const { taskId } = slot.by;
      const current = numberIn(row, 'scur');
      if (current === 0) plan = freed(plan, backend, index);
      else if (!tasks.has(taskId)) counts.set(taskId, (counts.get(taskId) ?? 0) + current);
    }
    this.#plans.set(pid, plan);
  }

  /** Undefined: the worker has ended, and nothing is in flight in it. Rejects when it lives and does not say. */
  async #stat(pid: number, backend: string): Promise<readonly StatRow[] | undefined> {
    const rows = readStat(await this.runtime.askWorker(pid, [`show stat ${backend} 4 -1`]));
    if (rows.length > 0) return rows;
    await this.survey();
    if (!this.#plans.has(pid)) return undefined;
    throw new RuntimeError(`worker ${pid} of HAProxy does not say what is in flight`);
  }

  async #run(pid: number, commands: readonly Command[]): Promise<void> {
    let lines: string[] = [];
    const flush = async (): Promise<void> => {
      const batch = lines;
      lines = [];
      if (batch.length > 0) await this.#send(pid, batch);
    };
    for (const command of commands) {
      if (command.do === 'replace-wild') {
        await flush();
        await this.#replaceWild(pid, command.entries);
        continue;
      }
      if (command.do === 'certificate') {
        await flush();
        await this.#renewCertificate(pid, command.file, command.pem);
        continue;
      }
      lines.push(...commandLines(command));
      if (lines.length >= BATCH) await flush();
    }
    await flush();
  }

  async #send(pid: number, lines: readonly string[]): Promise<void> {
    const answer = await this.runtime.askWorker(pid, lines);
    const complaint = answer.split('\n').find((line) => !fine.test(line.trim()));
    if (complaint !== undefined) throw new RuntimeError(`HAProxy refused a command: ${complaint}`);
  }

  /** Connections that are there keep what they were made with. */
  async #renewCertificate(pid: number, file: string, pem: string): Promise<void> {
    const begun = await this.runtime.askWorker(pid, [`set ssl cert ${file} <<\n${pem}`]);
    if (!begun.includes('ransaction'))
      throw new RuntimeError(`HAProxy refused a certificate: ${begun.trim()}`);
    const done = await this.runtime.askWorker(pid, [`commit ssl cert ${file}`]);
    if (!done.includes('Success!')) throw new RuntimeError(`HAProxy refused a certificate: ${done.trim()}`);
  }

  async #replaceWild(pid: number, entries: readonly (readonly [string, string])[]): Promise<void> {
    const file = MAP_FILES.wild;
    const version = /version created: (\d+)/.exec(
      await this.runtime.askWorker(pid, [`prepare map ${file}`]),
    )?.[1];
    if (version === undefined) throw new RuntimeError('HAProxy makes no new version of a map');
    const lines = entries.map(
      ([key, value]) => `add map @${version} ${file} ${argument(key)} ${argument(value)}`,
    );
    for (let at = 0; at < lines.length; at += BATCH) await this.#send(pid, lines.slice(at, at + BATCH));
    await this.#send(pid, [`commit map @${version} ${file}`]);
  }
}

function* leavingTasks({ backends }: Plan): Generator<TaskId> {
  for (const { slots } of backends.values())
    for (const slot of slots) if (slot.state === 'leaving') yield slot.by.taskId;
}
