import { userInfo } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { assertNever } from '../../util/assert.js';
import type { LineEnd } from '../../util/line/line.js';
import { PidLock } from '../../util/pid-lock.js';
import { bootId } from '../../util/process-identity.js';
import { Accounts } from '../containers/accounts.js';
import type { ContainerEvent } from '../containers/containerizer.js';
import type { FromAgent, ToAgent } from '../protocol/agent-line.js';
import { parseAttributes, parseResources } from '../protocol/resource-text.js';
import type { AgentInfo, Attribute, Resource } from '../protocol/v1.js';
import { instanceIdOf, prepareAgentFolder } from './agent-folder.js';
import type { AgentOptions } from './agent-options.js';
import { type AgentContainers, buildContainers } from './build-containers.js';
import { type AgentInside, buildInside, execRoute } from './build-inside.js';
import { CheckpointLog } from './checkpoint-log.js';
import { agentResources, detectedResources } from './decide/machine-resources.js';
import { agentFlags } from './http/agent-flags.js';
import { AgentHttp } from './http/agent-http.js';
import type { AgentView } from './http/agent-state.js';
import { ListeningPorts } from './listening-ports.js';
import { machineFacts, taskAddress } from './machine.js';
import { OldSandboxes } from './old-sandboxes.js';
import { SandboxCare } from './sandbox-care.js';
import { StatusSender } from './status-sender.js';
import { TaskDesk } from './task-desk.js';
import { type AgentRecord, checkpointKeys, type TaskRecord } from './task-record.js';
import { UsageSampler } from './usage/usage-sampler.js';

/** After the longest grace, so long may processes take to be gone before a stop goes on without them. */
const STOP_SLACK_MS = 70_000;
/** Time for the master to acknowledge the last updates of a clean stop; what it does not is sent again at the next start. */
const LAST_ACKNOWLEDGEMENTS_MS = 5_000;
const STOP_LOOK_MS = 10;

export type { AgentOptions };

/**
 * Runs tasks for a master and tells it of them.
 *
 * INVARIANTS
 * - A task runs only after its record is durable; a status is sent only after it is durable.
 * - A task ends in exactly one terminal status, sent until acknowledged, whatever crashes; never do two copies of it run.
 * - After `stop` nothing of the agent runs; tasks do, unless they were to be killed.
 */
export class Agent {
  readonly #folder: string;
  readonly #checkpoints: CheckpointLog;
  readonly #sender: StatusSender;
  readonly #startedAtMs: number;
  #recoverySeconds = 0;
  #lock: PidLock | undefined;
  #record: AgentRecord = { format: 1, bootId: '', formerIds: [] };
  #resources: readonly Resource[] = [];
  #attributes: readonly Attribute[] = [];
  #containers: AgentContainers | undefined;
  #sandboxes: OldSandboxes | undefined;
  #desk: TaskDesk | undefined;
  #inside: AgentInside | undefined;
  #http: AgentHttp | undefined;
  #line: LineEnd<FromAgent> | undefined;
  readonly #usage: UsageSampler;
  readonly #accounts: Accounts;
  readonly #care: SandboxCare;
  #registered = false;
  #stopping = false;

  constructor(private readonly options: AgentOptions) {
    this.#folder = join(options.workDir, 'agent');
    this.#checkpoints = new CheckpointLog(join(this.#folder, 'checkpoints'), options.log);
    this.#sender = new StatusSender(
      (frameworkId, status) => this.#line?.send({ type: 'UPDATE', frameworkId, status }),
      options.clock,
    );
    this.#usage = new UsageSampler({
      tasks: () => this.#desk?.running() ?? [],
      statistics: (containerId) => this.#containers?.containerizer.statistics(containerId),
      report: (tasks) => {
        if (this.#registered && this.#line?.connected) this.#line.send({ type: 'USAGE', tasks });
      },
      clock: options.clock,
    });
    this.#accounts = new Accounts(options.clock);
    this.#care = new SandboxCare(options, this.#folder, this.#accounts, (message) =>
      this.#line?.send(message),
    );
    this.#startedAtMs = options.clock.wallMs();
  }

  /** Where its HTTP server listens; after `start`. */
  get url(): string {
    return this.#http?.url ?? '';
  }

  /** Recovers what runs, then registers. Throws LockHeld when another agent has this work dir. */
  async start(): Promise<void> {
    try {
      await this.#start();
    } catch (error) {
      await this.stop({ killTasks: false });
      throw error;
    }
  }

  /** Waits until the master has registered this agent; false when it did not within `limitMs`. */
  untilRegistered(limitMs: number): Promise<boolean> {
    return this.#until(limitMs, () => this.#registered);
  }

  async #start(): Promise<void> {
    const { options } = this;
    const beganMs = options.clock.monotonicMs();
    // The texts first: a mistake in them must not cost anything.
    const declared = options.resources === undefined ? [] : parseResources(options.resources);
    this.#attributes = options.attributes === undefined ? [] : parseAttributes(options.attributes);
    prepareAgentFolder(options.workDir);
    this.#lock = PidLock.take(join(this.#folder, 'lock'));
    this.#resources = agentResources(declared, detectedResources(await machineFacts(options.workDir)));
    const values = await this.#checkpoints.open();
    const tasks = await this.#recoverIdentity(values);
    const { containers, desk, sandboxes } = this.#build();
    await sandboxes.recoverAll(values, tasks, this.#startedAtMs);
    await containers.containerizer.start(desk.recover(tasks));
    await this.#care.start(desk);
    desk.resume();
    sandboxes.start();
    this.#usage.start();
    this.#recoverySeconds = (options.clock.monotonicMs() - beganMs) / 1000;
    this.#http = this.#makeHttp(desk, sandboxes, containers);
    await this.#http.start();
    this.#line = options.line({
      onMessage: (message) => this.#receive(message),
      onReset: () => this.#register(),
    });
  }

  /** After a reboot every old task is dead, and the old id with them: a new one is asked for. */
  async #recoverIdentity(values: ReadonlyMap<string, unknown>): Promise<readonly TaskRecord[]> {
    const stored = values.get(checkpointKeys.agent) as AgentRecord | undefined;
    const now = bootId();
    if (stored?.bootId === now) {
      this.#record = stored;
      const prefix = checkpointKeys.task('');
      return [...values].filter(([key]) => key.startsWith(prefix)).map(([, value]) => value as TaskRecord);
    }
    const formerIds = [...(stored?.formerIds ?? []), ...(stored?.agentId ? [stored.agentId] : [])];
    if (stored) this.options.log.info('this host was rebooted: old tasks are gone', { formerIds });
    this.#record = { format: 1, bootId: now, formerIds };
    await this.#checkpoints.put(checkpointKeys.agent, this.#record);
    return [];
  }

  #build(): { containers: AgentContainers; desk: TaskDesk; sandboxes: OldSandboxes } {
    const { options } = this;
    const { clock, dice, log } = options;
    const instanceId = instanceIdOf(options.workDir, dice);
    const onEvent = (event: ContainerEvent): void => this.#desk?.onContainer(this.#usage.completed(event));
    const containers = buildContainers(options, this.#folder, instanceId, onEvent, (id) =>
      this.#care.usedBytes(id),
    );
    const { containerizer } = containers;
    const inside = buildInside(options, containerizer, (taskId, news) => this.#desk?.checked(taskId, news));
    this.#inside = inside;
    const sandboxes = new OldSandboxes(this.#folder, this.#checkpoints, containerizer, clock, log);
    const desk = new TaskDesk({
      checkpoints: this.#checkpoints,
      containerizer,
      accounts: this.#accounts,
      preparation: this.#care.preparation,
      listening: new ListeningPorts(clock),
      sender: this.#sender,
      sandboxes,
      rules: {
        agentUid: process.getuid?.() ?? 0,
        agentUser: userInfo().username,
        defaultUser: options.defaultUser,
        allowRootTasks: options.allowRootTasks,
      },
      ip: taskAddress(options.address),
      agentId: () => this.#record.agentId ?? '',
      onPhase: (record) => {
        inside.onPhase(record);
        this.#care.preparation.secrets.onPhase(record);
      },
      tell: (frameworkId, status) => this.#line?.send({ type: 'UPDATE', frameworkId, status }),
      clock,
      dice,
      log,
    });
    this.#containers = containers;
    this.#sandboxes = sandboxes;
    this.#desk = desk;
    return { containers, desk, sandboxes };
  }

  #makeHttp(desk: TaskDesk, sandboxes: OldSandboxes, containers: AgentContainers): AgentHttp {
    const { options } = this;
    const { containerizer, processes } = containers;
    const view = (): AgentView => ({
      version: options.version ?? 'unknown',
      agentId: this.#record.agentId,
      registered: this.#registered,
      hostname: options.hostname,
      port: this.#http?.port ?? 0,
      startedAtMs: this.#startedAtMs,
      nowMs: options.clock.wallMs(),
      recoverySeconds: this.#recoverySeconds,
      resources: this.#resources,
      attributes: this.#attributes,
      desk,
      containerizer,
      files: processes.files,
      samples: this.#usage.samples(),
      pendingUpdates: this.#sender.pending,
      ...(this.#care.fetches && { fetches: this.#care.fetches }),
      flags: agentFlags(options, containerizer.isolationKind),
    });
    const lookup = {
      containerOfTask: (taskId: string) => desk.record(taskId)?.containerId ?? sandboxes.containerOf(taskId),
      hasSandbox: (containerId: string) => sandboxes.has(containerId) || desk.hasContainer(containerId),
    };
    return new AgentHttp(
      {
        address: options.address,
        port: options.port,
        hostname: options.hostname,
        ...(options.readToken === undefined ? {} : { readToken: options.readToken }),
        exec: execRoute(options, this.#inside, desk),
      },
      view,
      lookup,
      options.log,
    );
  }

  #register(): void {
    const { options } = this;
    const { agentId, formerIds } = this.#record;
    this.#registered = false;
    this.#sender.unregistered();
    this.#inside?.heard(false);
    if (this.#stopping) return;
    const agent: AgentInfo = {
      ...(agentId !== undefined && { id: { value: agentId } }),
      hostname: options.hostname,
      port: this.#http?.port ?? 0,
      resources: this.#resources,
      attributes: this.#attributes,
    };
    this.#line?.send({
      type: 'REGISTER',
      agent,
      bootId: bootId(),
      replaces: formerIds,
      tasks: this.#desk?.tasks() ?? [],
      version: options.version ?? 'unknown',
    });
  }

  #receive(message: ToAgent): void {
    const desk = this.#desk;
    if (!desk) return;
    switch (message.type) {
      case 'REGISTERED':
        this.#registeredAs(message.agentId);
        return;
      case 'REREGISTER':
        this.#register();
        return;
      case 'RUN_TASKS':
        if (this.#stopping) desk.decline(message.frameworkId, message.tasks);
        else desk.run(message.frameworkId, message.tasks);
        return;
      case 'KILL_TASK':
        desk.kill(message.frameworkId, message.taskId, message.killPolicy);
        return;
      case 'ACKNOWLEDGE':
        desk.acknowledge(message.taskId, message.uuid);
        return;
      case 'RECONCILE':
        desk.reconcile(message.frameworkId, message.taskIds);
        return;
      case 'SECRETS':
      case 'SECRETS_CHANGED':
        this.#care.preparation.secrets.receive(message);
        return;
      case 'PING':
        this.#line?.send({ type: 'PONG' });
        return;
      case 'SHUTDOWN':
        void this.#shutDown(message.message);
        return;
      default:
        assertNever(message, 'message to the agent');
    }
  }

  /**
   * The id is durable before anything that depends on it: checkpoints become so in the order of their calls, and no task is
   * admitted before this.
   */
  #registeredAs(agentId: string): void {
    if (this.#record.agentId !== agentId || this.#record.formerIds.length > 0) {
      this.#record = { ...this.#record, agentId, formerIds: [] };
      this.#checkpoints.put(checkpointKeys.agent, this.#record).catch((error: Error) => {
        this.options.log.error('the agent’s id could not be written; the next start will ask for a new one', {
          error: error.message,
        });
      });
    }
    this.options.log.info('registered', { agentId });
    this.#registered = true;
    this.#sender.registered();
    this.#inside?.heard(true);
    this.#care.preparation.secrets.registered();
  }

  /** Kills everything, forgets everything, and stays silent. */
  async #shutDown(message: string): Promise<void> {
    const { log } = this.options;
    if (this.#stopping) return;
    this.#stopping = true;
    log.error('the master has ended this agent', { message });
    this.#sender.unregistered();
    try {
      await this.#endTasks(0);
      for (const { task } of this.#desk?.records() ?? [])
        await this.#checkpoints.delete(checkpointKeys.task(task.task_id.value));
      this.#record = { format: 1, bootId: bootId(), formerIds: [] };
      await this.#checkpoints.put(checkpointKeys.agent, this.#record);
    } catch (error) {
      log.error('what this agent knew could not be forgotten', { error: (error as Error).message });
    }
    this.#line?.close();
    this.options.onShutdown?.(message);
  }

  async #endTasks(graceMs: number | undefined): Promise<void> {
    const desk = this.#desk;
    if (!desk) return;
    desk.killAll(graceMs);
    const longest = Math.max(0, ...[...desk.records()].map(({ killGraceMs }) => killGraceMs ?? 0));
    await this.#until(longest + STOP_SLACK_MS, () => desk.isIdle(false));
  }

  async #until(limitMs: number, condition: () => boolean): Promise<boolean> {
    const { clock } = this.options;
    const untilMs = clock.monotonicMs() + limitMs;
    while (!condition()) {
      if (clock.monotonicMs() > untilMs) return false;
      await new Promise<void>((again) => clock.after(STOP_LOOK_MS, again));
    }
    return true;
  }

  /**
   * `killTasks`: ends all tasks (each with its own grace, or `graceMs`), tells the master and unregisters. Otherwise tasks run
   * on, and the next start finds them again.
   */
  async stop({ killTasks, graceMs }: { killTasks: boolean; graceMs?: number }): Promise<void> {
    const desk = this.#desk;
    this.#stopping = true;
    if (killTasks && desk) {
      await this.#endTasks(graceMs);
      if (this.#registered && this.#line?.connected) {
        await this.#until(LAST_ACKNOWLEDGEMENTS_MS, () => desk.isIdle(true));
        this.#line.send({ type: 'UNREGISTER' });
        for (let turns = 0; turns < 3; turns++) await turn();
      }
    }
    this.#line?.close();
    this.#sender.stop();
    this.#usage.stop();
    this.#inside?.stop();
    desk?.stop();
    this.#care.stop();
    this.#sandboxes?.stop();
    await this.#http?.stop();
    // Without a task there is nothing that the launcher, the pump or a group would be kept for.
    await this.#containers?.stop(desk?.isIdle(false) ?? false);
    await this.#checkpoints.close();
    this.#lock?.release();
  }
}
