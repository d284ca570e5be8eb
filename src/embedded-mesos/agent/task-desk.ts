import type { Log } from '../../logging/log.js';
import { assertNever } from '../../util/assert.js';
import type { Clock } from '../../util/clock.js';
import type { Dice } from '../../util/ids.js';
import type { Accounts } from '../containers/accounts.js';
import type {
  ContainerEvent,
  Containerizer,
  ContainerSpec,
  KnownContainer,
} from '../containers/containerizer.js';
import type { AgentTask } from '../protocol/agent-line.js';
import { isTerminalState, type KillPolicy, type TaskInfo, type TaskStatus } from '../protocol/v1.js';
import type { CheckpointLog } from './checkpoint-log.js';
import type { CheckNews } from './checks/task-checks.js';
import { killGraceMs, portsRefusal, type RunAsRules, refusalOf, userFor } from './decide/admit-task.js';
import { hasImage } from './decide/docker-task.js';
import { bareStatus, type Outcome, type StatusFacts } from './decide/status.js';
import { stepTask, type TaskEffect, type TaskEvent } from './decide/task-step.js';
import type { ListeningPorts } from './listening-ports.js';
import type { OldSandboxes } from './old-sandboxes.js';
import { type FetchOutcome, isPrepared, type Preparation } from './preparation.js';
import type { StatusSender } from './status-sender.js';
import { checkpointKeys, TASK_RECORD_FORMAT, type TaskRecord } from './task-record.js';

/** Pause before a checkpoint that the disk refused is tried again. */
const PERSIST_RETRY_MS = 1_000;

interface Entry {
  record: TaskRecord;
  /** Durable writes and effects of this task, in order. */
  chain: Promise<void>;
}

export interface TaskDeskParts {
  readonly checkpoints: CheckpointLog;
  readonly containerizer: Containerizer;
  readonly accounts: Accounts;
  readonly listening: ListeningPorts;
  readonly sender: StatusSender;
  readonly sandboxes: OldSandboxes;
  readonly preparation: Preparation;
  readonly rules: RunAsRules;
  readonly ip: string;
  readonly agentId: () => string;
  /** Told of every recovered task that is not ended, and at each change of a task's phase. */
  readonly onPhase?: (record: TaskRecord) => void;
  /** Sends a status that nobody acknowledges. */
  readonly tell: (frameworkId: string, status: TaskStatus) => void;
  readonly clock: Clock;
  readonly dice: Dice;
  readonly log: Log;
}

/** Numbers for /metrics/snapshot, since the agent's start. */
export interface TaskTotals {
  finished: number;
  failed: number;
  killed: number;
  launchErrors: number;
  /** Statuses made. */
  updates: number;
}

/** Executes the steps of all tasks: first the new record becomes durable, then its effects happen. */
export class TaskDesk {
  readonly totals: TaskTotals = { finished: 0, failed: 0, killed: 0, launchErrors: 0, updates: 0 };
  #stopped = false;
  readonly #entries = new Map<string, Entry>();
  readonly #taskByContainer = new Map<string, string>();

  constructor(private readonly parts: TaskDeskParts) {}

  /** Takes over checkpointed tasks. Returns the containers that may still be there. */
  recover(records: readonly TaskRecord[]): readonly KnownContainer[] {
    const known: KnownContainer[] = [];
    for (const record of records) {
      this.#add(record);
      if (record.phase !== 'ended' && record.fetched !== false) known.push({ spec: this.#container(record) });
      this.#sendFirst(record);
    }
    return known;
  }

  /** After the containerizer found its containers: kills, and files, that were asked for before are asked for again. */
  resume(): void {
    for (const entry of this.#entries.values()) {
      const { record } = entry;
      if (record.fetched === false && record.phase !== 'ended') void this.#fetch(entry);
      else if (record.phase === 'killing')
        this.parts.containerizer.kill(record.containerId, record.killGraceMs ?? 0);
      if (record.phase !== 'ended') this.parts.onPhase?.(record);
    }
  }

  #add(record: TaskRecord): Entry {
    const entry: Entry = { record, chain: Promise.resolve() };
    this.#entries.set(record.task.task_id.value, entry);
    this.#taskByContainer.set(record.containerId, record.task.task_id.value);
    return entry;
  }

  /** RUN_TASKS: a task that is known already is left as it is. */
  run(frameworkId: string, tasks: readonly TaskInfo[]): void {
    for (const task of tasks) {
      if (this.#entries.has(task.task_id.value) || this.#stopped) continue;
      const entry = this.#add({
        format: TASK_RECORD_FORMAT,
        frameworkId,
        task,
        containerId: this.parts.dice.uuid(),
        phase: 'launching',
        updates: [],
        latest: this.#bare(task.task_id.value, 'TASK_STAGING'),
      });
      entry.chain = entry.chain.then(() => this.#admit(entry));
    }
  }

  /** RUN_TASKS of an agent that is about to stop: whoever wants them must know that they will not run here. */
  decline(frameworkId: string, tasks: readonly TaskInfo[]): void {
    for (const { task_id } of tasks) {
      if (this.#entries.has(task_id.value)) continue;
      this.parts.tell(frameworkId, {
        ...this.#bare(task_id.value, 'TASK_DROPPED'),
        message: 'The agent is stopping',
        reason: 'REASON_AGENT_DISCONNECTED',
      });
    }
  }

  async #admit(entry: Entry): Promise<void> {
    const { task } = entry.record;
    const user = userFor(task, this.parts.rules);
    const account = user === undefined ? undefined : await this.parts.accounts.find(user);
    const wanted = (): boolean => !this.#stopped && entry.record.phase === 'launching';
    const taken = (): Promise<readonly number[]> => this.parts.listening.takenBefore(task, wanted);
    const refusal = refusalOf(task, account, this.parts.rules) ?? portsRefusal(await taken());
    if (refusal) return this.#refuse(entry, refusal);
    const volumes = await this.parts.preparation.volumes(task);
    if (volumes && 'refusal' in volumes) return this.#refuse(entry, volumes.refusal);
    const isToFetch = isPrepared(task);
    // One that waits for its files must not hold a container that was made in advance.
    const containerId = isToFetch ? this.parts.dice.uuid() : this.parts.containerizer.nextId(hasImage(task));
    this.#taskByContainer.delete(entry.record.containerId);
    this.#taskByContainer.set(containerId, task.task_id.value);
    entry.record = {
      ...entry.record,
      containerId,
      ...(account && { account }),
      ...volumes,
      ...(isToFetch && { fetched: false }),
    };
    try {
      await this.parts.checkpoints.put(checkpointKeys.task(task.task_id.value), entry.record);
    } catch (error) {
      return this.#dropUnwritten(entry, error as Error);
    }
    if (this.#stopped) return;
    if (isToFetch) void this.#fetch(entry);
    else if (entry.record.phase === 'launching')
      this.parts.containerizer.launch(this.#container(entry.record));
    else this.#step(entry, { type: 'ended', end: { cancelled: true } });
  }

  #container(record: TaskRecord): ContainerSpec {
    return this.parts.preparation.containerOf(record, this.parts.agentId());
  }

  #refuse(entry: Entry, outcome: Outcome): void {
    this.totals.launchErrors++;
    this.#step(entry, { type: 'refused', outcome });
  }

  /** Beside the chain: a kill must not wait for it. */
  async #fetch(entry: Entry): Promise<void> {
    const isWanted = (): boolean => entry.record.phase === 'launching';
    const outcome: FetchOutcome = isWanted()
      ? await this.parts.preparation.fetch(entry.record, (message) => this.#progress(entry, message))
      : { type: 'cancelled' };
    if (this.#stopped) return;
    if (!isWanted()) this.#step(entry, { type: 'fetch-cancelled' });
    else if (!('type' in outcome)) this.#refuse(entry, outcome);
    else if (outcome.type === 'fetched') this.#step(entry, { type: 'fetched' });
  }

  /** What cannot be written down must not run. */
  #dropUnwritten(entry: Entry, error: Error): void {
    const { frameworkId, task, containerId } = entry.record;
    if (this.#stopped) return;
    this.parts.log.error('a task is dropped: its checkpoint cannot be written', {
      task: task.task_id.value,
      error: error.message,
    });
    this.#entries.delete(task.task_id.value);
    this.#taskByContainer.delete(containerId);
    this.parts.containerizer.forget(containerId);
    // It may have been written without our being told so: the next start must not go on with it.
    void this.#persist(() => this.parts.checkpoints.delete(checkpointKeys.task(task.task_id.value)));
    this.totals.launchErrors++;
    this.parts.tell(frameworkId, {
      ...this.#bare(task.task_id.value, 'TASK_DROPPED'),
      message: `The agent cannot write its checkpoint: ${error.message}`,
      reason: 'REASON_CONTAINER_LAUNCH_FAILED',
    });
  }

  kill(frameworkId: string, taskId: string, policy: KillPolicy | undefined): void {
    const entry = this.#entries.get(taskId);
    if (entry) this.#step(entry, { type: 'kill', graceMs: killGraceMs(entry.record.task, policy) });
    else this.#tellUnknown(frameworkId, taskId, 'Attempted to kill a task that is unknown to the agent');
  }

  /** Asks for the end of every task; `graceMs` undefined: each task's own. */
  killAll(graceMs: number | undefined): void {
    for (const entry of this.#entries.values()) {
      this.#step(entry, { type: 'kill', graceMs: graceMs ?? killGraceMs(entry.record.task, undefined) });
    }
  }

  /** A task broke a rule of this agent: it is ended, and fails for that reason. */
  breach(taskId: string, outcome: Outcome): void {
    const entry = this.#entries.get(taskId);
    if (entry) this.#step(entry, { type: 'breached', outcome });
  }

  /** What a check has to say of a task. */
  checked(taskId: string, news: CheckNews): void {
    const entry = this.#entries.get(taskId);
    if (entry) this.#step(entry, { type: 'checked', news });
  }

  acknowledge(taskId: string, uuid: string): void {
    const entry = this.#entries.get(taskId);
    if (entry) this.#step(entry, { type: 'acknowledged', uuid });
  }

  reconcile(frameworkId: string, taskIds: readonly string[]): void {
    for (const taskId of taskIds) {
      const entry = this.#entries.get(taskId);
      if (!entry) {
        this.#tellUnknown(frameworkId, taskId, 'Reconciliation: Task is unknown to the agent');
        continue;
      }
      const { uuid: _uuid, ...latest } = entry.record.latest;
      this.parts.tell(frameworkId, {
        ...latest,
        reason: 'REASON_RECONCILIATION',
        message: 'Reconciliation: Latest task state',
      });
    }
  }

  #tellUnknown(frameworkId: string, taskId: string, message: string): void {
    this.parts.tell(frameworkId, {
      ...this.#bare(taskId, 'TASK_DROPPED'),
      message,
      reason: 'REASON_RECONCILIATION',
    });
  }

  #bare(taskId: string, state: TaskStatus['state']): TaskStatus {
    const { agentId, clock } = this.parts;
    return bareStatus(taskId, state, agentId(), clock.wallMs());
  }

  onContainer(event: ContainerEvent): void {
    const taskId = this.#taskByContainer.get(event.id);
    const entry = taskId === undefined ? undefined : this.#entries.get(taskId);
    if (!entry) return;
    if (event.type === 'progress') this.#progress(entry, event.message);
    else if (event.type === 'started') this.#step(entry, event);
    else this.#step(entry, { type: 'ended', end: event.end });
  }

  /** Told as it is and not repeated: the next one says more, and what follows says all. */
  #progress(entry: Entry, message: string): void {
    const { frameworkId, task, phase } = entry.record;
    if (this.#stopped || phase !== 'launching') return;
    this.parts.tell(frameworkId, { ...this.#bare(task.task_id.value, 'TASK_STAGING'), message });
  }

  #step(entry: Entry, event: TaskEvent): void {
    if (this.#stopped) return;
    const before = entry.record;
    const { record, effects } = stepTask(before, event, this.#facts());
    if (record === before && effects.length === 0) return;
    entry.record = record;
    if (record.phase !== before.phase) this.parts.onPhase?.(record);
    if (record.latest.uuid !== before.latest.uuid) this.totals.updates++;
    if (record.phase === 'ended' && before.phase !== 'ended') this.#count(record.latest);
    const forgets = effects.some(({ type }) => type === 'forget-task');
    // A lost acknowledgement only repeats an update: it is written with whatever comes next.
    const write = event.type !== 'acknowledged';
    entry.chain = entry.chain.then(() => this.#settle(record, effects, write && !forgets));
  }

  #facts(): StatusFacts {
    const { agentId, ip, clock, dice } = this.parts;
    return { agentId: agentId(), ip, wallMs: clock.wallMs(), uuid: dice.uuid() };
  }

  #count({ state }: TaskStatus): void {
    if (state === 'TASK_FINISHED') this.totals.finished++;
    else if (state === 'TASK_KILLED') this.totals.killed++;
    else if (isTerminalState(state)) this.totals.failed++;
  }

  async #settle(record: TaskRecord, effects: readonly TaskEffect[], write: boolean): Promise<void> {
    const taskId = record.task.task_id.value;
    if (write) await this.#persist(() => this.parts.checkpoints.put(checkpointKeys.task(taskId), record));
    if (this.#stopped) return;
    for (const effect of effects) await this.#execute(record, effect);
  }

  /** Until the disk takes it: no effect may overtake its record. */
  async #persist(write: () => Promise<void>): Promise<void> {
    for (let complained = false; !this.#stopped; complained = true) {
      try {
        await write();
        return;
      } catch (error) {
        if (!complained)
          this.parts.log.error('a checkpoint cannot be written; it is tried until it can', {
            error: (error as Error).message,
          });
        await new Promise<void>((again) => this.parts.clock.after(PERSIST_RETRY_MS, again));
      }
    }
  }

  async #execute(record: TaskRecord, effect: TaskEffect): Promise<void> {
    const { containerId } = record;
    switch (effect.type) {
      case 'launch-container':
        this.parts.containerizer.launch(this.#container(record));
        return;
      case 'kill-container':
        this.parts.preparation.cancel(record);
        this.parts.containerizer.kill(containerId, effect.graceMs);
        return;
      case 'forget-container':
        this.parts.containerizer.forget(containerId);
        return;
      case 'send-update':
        this.#sendFirst(record);
        return;
      case 'forget-task':
        await this.#forget(record);
        return;
      default:
        assertNever(effect, 'task effect');
    }
  }

  /** Of this very record, which is durable; the newest one may hold a status that is not yet. */
  #sendFirst({ frameworkId, task, updates }: TaskRecord): void {
    const first = updates[0];
    if (first) this.parts.sender.send(frameworkId, first);
    else this.parts.sender.drop(task.task_id.value);
  }

  async #forget({ task, containerId, frameworkId }: TaskRecord): Promise<void> {
    const taskId = task.task_id.value;
    this.parts.sender.drop(taskId);
    const endedAtMs = this.parts.clock.wallMs();
    await this.#persist(async () => {
      const kept = this.parts.sandboxes.add(containerId, { taskId, frameworkId, endedAtMs });
      await Promise.all([kept, this.parts.checkpoints.delete(checkpointKeys.task(taskId))]);
    });
    this.#entries.delete(taskId);
    this.#taskByContainer.delete(containerId);
  }

  /** Every task that is not forgotten. */
  *records(): Iterable<TaskRecord> {
    for (const { record } of this.#entries.values()) yield record;
  }

  /** Tasks whose program runs, or is being ended. */
  *running(): Iterable<{ readonly taskId: string; readonly containerId: string }> {
    for (const { task, containerId, phase } of this.records())
      if (phase === 'running' || phase === 'killing') yield { taskId: task.task_id.value, containerId };
  }

  record(taskId: string): TaskRecord | undefined {
    return this.#entries.get(taskId)?.record;
  }

  hasContainer(containerId: string): boolean {
    return this.#taskByContainer.has(containerId);
  }

  /** For REGISTER. */
  tasks(): readonly AgentTask[] {
    return [...this.records()].map(({ frameworkId, task, latest }) => ({
      frameworkId,
      task,
      status: latest,
    }));
  }

  /** Whether nothing runs any more, and (`acknowledged`) every update was taken. */
  isIdle(acknowledged: boolean): boolean {
    for (const { phase } of this.records()) if (acknowledged || phase !== 'ended') return false;
    return true;
  }

  stop(): void {
    this.#stopped = true;
  }
}
