import { existsSync, writeFileSync } from 'node:fs';
import type { Timer } from '../../util/clock.js';
import { type ContainerHost, waitUntil } from './container-host.js';
import type { ContainerEnd, ContainerLimits, ContainerSpec, MemoryLimitation } from './containerizer.js';
import { updatedLimits } from './decide/cgroup-values.js';
import { isTasksOwnProgram, programIn } from './decide/launch-script.js';
import {
  type Condition,
  type ContainerRecords,
  conditionOf,
  type LiveProcess,
  readRecords,
} from './decide/record.js';
import {
  dismissSupervisor,
  drainOutput,
  killUntilEmpty,
  memoryLimitationOf,
  useOf,
} from './end-container.js';
import { giveOrders, removeOrders } from './give-orders.js';
import { attachNetwork } from './network/attach-network.js';
import { prepareContainer } from './prepare-container.js';
import { killGroupOf, lives, pidInUse, programView, signal, textOf } from './processes.js';

/** A request that no supervisor took within this time is made again ... */
const REASK_MS = 5_000;
/** ... so often, and then given up. */
const MAX_ASKS = 4;
/** Time from a supervisor's claim to the exec of the task's program. */
const START_LIMIT_MS = 30_000;
/** A command line is read only where nothing else tells whose program it is, and not before. */
const COMMAND_LINE_AFTER_MS = 20;
/** Time for a warm container's process to come to where it takes its orders; it was there when it was given out. */
const ORDERS_LIMIT_MS = 2_000;
/** Time for a supervisor to write the exit of a task that was killed. */
const EXIT_RECORD_LIMIT_MS = 5_000;

/** One container's life, driven by what its records say. Every method may be called at any time, in any order. */
export class ProcessContainer {
  #records: ContainerRecords = {};
  #started = false;
  #finishing = false;
  #ended = false;
  #asks = 0;
  #askedAtMs: number;
  #claimedAtMs: number | undefined;
  #execTimer: Timer | undefined;
  /** Since when its process was looked at. */
  #forkedAtMs: number | undefined;
  #ordersTimer: Timer | undefined;
  /** Made before it was known what for: its process waits, or waited, for orders. */
  readonly #warm: boolean;
  /** Nothing of the task can run yet: it is a warm container that was launched in this life, and has no orders. */
  #idle: boolean;
  #kill: { deadlineMs: number; timer: Timer; termSent: boolean } | undefined;
  #limits: ContainerLimits;

  /** `recovered`: it may have been launched, as far as it came, in an earlier life of the agent. `warm`: it waits for orders. */
  constructor(
    readonly spec: ContainerSpec,
    private readonly host: ContainerHost,
    origin: 'cold' | 'warm' | 'recovered',
  ) {
    this.#limits = spec.limits;
    this.#askedAtMs = host.clock.monotonicMs();
    this.#warm =
      origin === 'warm' || (origin === 'recovered' && existsSync(host.files.record(spec.id, 'warm')));
    this.#idle = origin === 'warm';
  }

  get id(): string {
    return this.spec.id;
  }

  /** Whether the kernel may kill in it for memory, unnoticed as yet. */
  get running(): boolean {
    return this.#records.task !== undefined && !this.#finishing;
  }

  get ended(): boolean {
    return this.#ended;
  }

  get mainProcess(): LiveProcess | undefined {
    return this.#records.task;
  }

  /** What holds now. */
  get limits(): ContainerLimits {
    return this.#limits;
  }

  /** As Containerizer.update. */
  update(limits: ContainerLimits): void {
    if (!this.running) return;
    this.host.isolation.update(this.id, limits);
    this.#limits = updatedLimits(this.#limits, limits);
  }

  /** Goes on from whatever the records say: a new container and a recovered one are the same. */
  async begin(): Promise<void> {
    const condition = this.observe();
    const waits = condition === 'claimed' && this.#warm && !this.#kill;
    if ((condition !== 'unclaimed' && !waits) || this.#finishing) return;
    try {
      const attached = this.#attach();
      const network = attached && (await attached);
      if (network === 'ended') return;
      prepareContainer(this.host, this.spec, network);
      if (waits) this.#order(1);
      else if (!this.host.stopped) this.ask();
    } catch (error) {
      const known = { failure: `Failed to launch container: ${(error as Error).message}` };
      await (waits ? this.#finish(known) : this.#finishUnclaimed(known));
    }
  }

  /** Its own network's name, where it asks for one; `ended` when it came to its end meanwhile. Others wait for nothing here. */
  #attach(): undefined | Promise<string | 'ended'> {
    const { id, host } = this;
    const { bridge } = this.spec;
    if (!bridge) return undefined;
    return attachNetwork(host, id, bridge, () => this.#finishing);
  }

  /** Gives a warm container its orders; the process that takes them may be a moment away from there. */
  #order(nextMs: number): void {
    this.#ordersTimer = undefined;
    const { clock, files, stopped } = this.host;
    if (stopped || this.#finishing || this.#kill || this.#records.task) return;
    const sinceMs = clock.monotonicMs() - (this.#claimedAtMs ?? 0);
    this.#idle = false;
    if (giveOrders(files, this.id, this.spec.account)) return;
    if (sinceMs < ORDERS_LIMIT_MS)
      this.#ordersTimer = clock.after(nextMs, () => this.#order(Math.min(nextMs * 2, 50)));
    else if (this.observe() === 'claimed')
      void this.#finish({ failure: 'Failed to launch container: the process made for it is gone' });
  }

  /** Asks for a supervisor. Harmless when one is there already. */
  ask(): void {
    if (this.#finishing || this.#asks >= MAX_ASKS || this.#records.supervisor !== undefined) return;
    this.#asks++;
    this.#askedAtMs = this.host.clock.monotonicMs();
    this.host.request(this.id, this.spec.account);
  }

  /** Whether a request was made that no supervisor has answered. */
  get unanswered(): boolean {
    return this.#asks > 0 && this.#records.supervisor === undefined && !this.#finishing;
  }

  /** Reads the records and acts on what is new. */
  observe(): Condition {
    this.#records = this.#read();
    let condition = conditionOf(this.#records, lives);
    if (condition === 'lost') {
      // It may have written the exit between our two looks.
      this.#records = this.#read();
      condition = conditionOf(this.#records, () => false);
    }
    if (this.#finishing) return condition;
    if (condition !== 'unclaimed') this.#claimedAtMs ??= this.host.clock.monotonicMs();
    if (condition === 'forked') this.#forked();
    else if (condition === 'over') void this.#finish(this.#ending());
    else if (condition === 'cancelled') void this.#finish({ cancelled: true });
    else if (condition === 'lost')
      void this.#finish({
        failure: this.#records.task
          ? 'The supervisor of the task was killed; the task was ended with it'
          : 'Failed to launch container: its supervisor was killed',
      });
    return condition;
  }

  #read(): ContainerRecords {
    const { files } = this.host;
    const exit = textOf(files.record(this.id, 'exit'));
    const task = this.#records.task ? undefined : textOf(files.record(this.id, 'task'));
    const known = this.#records.supervisor;
    const { waiting } = this.#records;
    const claimed = known !== undefined && known !== 'torn';
    const fresh = readRecords({
      supervisor: claimed ? undefined : textOf(files.record(this.id, 'supervisor')),
      warm: waiting || !this.#warm ? undefined : textOf(files.record(this.id, 'warm')),
      task,
      exit,
    });
    return {
      ...fresh,
      ...(claimed && { supervisor: known }),
      ...(waiting && { waiting }),
      ...(this.#records.task && { task: this.#records.task }),
    };
  }

  #ending(): Pick<ContainerEnd, 'exit' | 'failure' | 'cancelled'> {
    const { exit: record, task } = this.#records;
    if (record && 'exit' in record) return { exit: record.exit };
    // Its process was ended on the way to the task's program: nothing of that ran, and nobody failed.
    if (this.#kill && !task) return { cancelled: true };
    return record ? { failure: `Failed to launch container: ${record.failure}` } : {};
  }

  #forked(): void {
    if (this.#warm && !this.#started) removeOrders(this.host.files, this.id);
    if (this.#kill && !this.#kill.termSent) this.#terminate();
    if (!this.#started && !this.#execTimer) this.#awaitExec(1);
  }

  /** Looks at the main process until it is the task's own program; that follows the record within a few milliseconds. */
  #awaitExec(nextMs: number): void {
    this.#execTimer = undefined;
    const { task } = this.#records;
    const { clock, stopped } = this.host;
    if (!task || this.#started || this.#finishing || stopped) return;
    this.#forkedAtMs ??= clock.monotonicMs();
    const seen = programIn(programView(task.pid), this.spec);
    const patient = clock.monotonicMs() - this.#forkedAtMs < COMMAND_LINE_AFTER_MS;
    const isOwn = seen === 'own' || (seen === 'unclear' && !patient && this.#isOwnCommandLine(task));
    if (isOwn && lives(task)) this.#sayStarted(task);
    else this.#execTimer = clock.after(nextMs, () => this.#awaitExec(Math.min(nextMs * 1.3, 100)));
  }

  #isOwnCommandLine(task: LiveProcess): boolean {
    const commandLine = textOf(`/proc/${task.pid}/cmdline`) ?? '';
    return isTasksOwnProgram(commandLine, this.id, Buffer.from(this.host.files.runtime).toString('latin1'));
  }

  #sayStarted(task: LiveProcess): void {
    this.#started = true;
    this.host.emit({ type: 'started', id: this.id, pid: task.pid });
  }

  /** Called about once a second: notices what no record tells. `thorough`: compares start times too. */
  tick(thorough: boolean): void {
    if (this.#finishing) return;
    const { supervisor, task } = this.#records;
    const nowMs = this.host.clock.monotonicMs();
    if (supervisor === undefined) {
      if (this.#asks === 0 || nowMs - this.#askedAtMs < REASK_MS || this.observe() !== 'unclaimed') return;
      if (this.#asks < MAX_ASKS) this.ask();
      else
        void this.#finishUnclaimed({ failure: 'Failed to launch container: no supervisor could be started' });
      return;
    }
    const late =
      !this.#started && this.#claimedAtMs !== undefined && nowMs - this.#claimedAtMs > START_LIMIT_MS;
    if (late && this.observe() !== 'over') {
      void this.#finish({
        failure: `Failed to launch container: its program did not start within ${START_LIMIT_MS / 1000} seconds`,
      });
      return;
    }
    if (supervisor === 'torn' || supervisor === 'cancelled' || !task) this.observe();
    else if (thorough ? !lives(supervisor) : !pidInUse(supervisor.pid)) this.observe();
  }

  /** As Containerizer.kill. */
  kill(graceMs: number): void {
    if (this.#finishing) return;
    const deadlineMs = this.host.clock.monotonicMs() + graceMs;
    if (this.#kill && this.#kill.deadlineMs <= deadlineMs) return;
    this.#kill?.timer.cancel();
    const timer = this.host.clock.after(graceMs, () => void this.#finish({}));
    this.#kill = { deadlineMs, timer, termSent: this.#kill?.termSent ?? false };
    const condition = this.observe();
    if (condition === 'unclaimed') void this.#finishUnclaimed({ cancelled: true });
    else if (condition === 'claimed' && this.#idle) void this.#finish({ cancelled: true });
  }

  /** SIGTERM to the main process group; before the task has one of its own, to its process alone. */
  #terminate(): void {
    const { task } = this.#records;
    if (!this.#kill || !task) return;
    this.#kill.termSent = true;
    if (lives(task) && !signal(-task.pid, 'SIGTERM')) signal(task.pid, 'SIGTERM');
  }

  /** The kernel has killed in it: all of it ends. */
  outOfMemory(): void {
    void this.#finish({});
  }

  /** Takes the claim, so that no supervisor ever can, and ends; if one was faster, the kill goes its normal way. */
  async #finishUnclaimed(known: Pick<ContainerEnd, 'failure' | 'cancelled'>): Promise<void> {
    try {
      writeFileSync(this.host.files.record(this.id, 'supervisor'), '1 cancelled end\n', {
        flag: 'wx',
        mode: 0o600,
      });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') {
        this.host.log.error('a launch could not be cancelled', {
          container: this.id,
          error: (error as Error).message,
        });
      }
      this.observe();
      return;
    }
    await this.#finish(known);
  }

  async #finish(known: Pick<ContainerEnd, 'exit' | 'failure' | 'cancelled'>): Promise<void> {
    if (this.#finishing) return;
    this.#finishing = true;
    this.detach();
    try {
      await this.#end(known);
    } catch (error) {
      if (this.host.stopped) return;
      this.host.log.error('a container could not be ended; it is tried again', {
        container: this.id,
        error: (error as Error).message,
      });
      this.host.clock.after(1_000, () => {
        this.#finishing = false;
        void this.#finish(known);
      });
    }
  }

  async #end(known: Pick<ContainerEnd, 'exit' | 'failure' | 'cancelled'>): Promise<void> {
    const { host, id } = this;
    // What is just being made must be there before it can be removed; how that ended is told elsewhere.
    const limitation: MemoryLimitation | undefined = await memoryLimitationOf(host, id);
    const { task, waiting, supervisor } = this.#records;
    const main = task ?? waiting;
    if (main) killGroupOf(main);
    const stuckPids = await killUntilEmpty(host, id);
    const identity = typeof supervisor === 'object' ? supervisor : undefined;
    if (identity && !known.failure && stuckPids.length === 0) {
      await waitUntil(host, EXIT_RECORD_LIMIT_MS, () => {
        this.#records = this.#read();
        return this.#records.exit !== undefined || !lives(identity);
      });
    }
    if (host.stopped) return;
    if (this.#warm) removeOrders(host.files, id);
    await drainOutput(host, id);
    if (host.stopped) return;
    if (identity) dismissSupervisor(identity);
    if (this.spec.bridge) await host.bridges?.detach(id);
    const use = useOf(host, id);
    if (stuckPids.length === 0) await this.#removeGroups();
    if (host.stopped) return;
    const end: ContainerEnd = {
      ...(!known.cancelled && this.#ending()),
      ...known,
      ...(limitation && { limitation }),
      ...(use && { use }),
      ...(stuckPids.length > 0 && { stuckPids }),
    };
    this.#ended = true;
    if (end.exit && 'code' in end.exit && end.exit.code === 0 && task && !this.#started)
      this.#sayStarted(task);
    host.emit({ type: 'ended', id, end });
  }

  async #removeGroups(): Promise<void> {
    const { host, id } = this;
    const removed = await waitUntil(host, EXIT_RECORD_LIMIT_MS, () => {
      if (host.isolation.remove(id)) return true;
      host.isolation.killMembers(id);
      return false;
    });
    if (!removed && !host.stopped)
      host.log.warn('a cgroup could not be removed; it is tried again later', { container: id });
  }

  /** Stops all timers; the container runs on. */
  detach(): void {
    this.#kill?.timer.cancel();
    this.#execTimer?.cancel();
    this.#ordersTimer?.cancel();
  }
}
