import { existsSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { availableParallelism, totalmem } from 'node:os';
import type { Log } from '../../logging/log.js';
import type { Clock, Timer } from '../../util/clock.js';
import type { Dice } from '../../util/ids.js';
import type { ContainerHost } from './container-host.js';
import type {
  Account,
  ContainerEvent,
  Containerizer,
  ContainerLimits,
  ContainerSpec,
  Entrance,
  KnownContainer,
  ResourceStatistics,
} from './containerizer.js';
import { limitStatistics } from './decide/limit-statistics.js';
import { processEntrance } from './entrance.js';
import { FolderWatch } from './folder-watch.js';
import { removeOrders } from './give-orders.js';
import type { Isolation } from './isolation/isolation.js';
import type { IsolationLevel, NamespaceSupport } from './isolation/namespaces.js';
import { noNamespaces, probeNamespaces } from './isolation/namespaces.js';
import { Launcher } from './launcher.js';
import { LogPumpKeeper, type LogPumpSettings } from './log-pump-keeper.js';
import type { BridgeNetworks } from './network/bridge-networks.js';
import { OutOfMemoryWatch } from './out-of-memory-watch.js';
import { makeFolders, removeEmptyFolders } from './prepare-container.js';
import { ProcessContainer } from './process-container.js';
import { signal } from './processes.js';
import { removeTree } from './remove-tree.js';
import { type RecordKind, RunFiles, streams } from './run-files.js';
import { networkCounters } from './statistics/process-counters.js';
import { voidOtherBoots } from './void-other-boots.js';
import { DEFAULT_WARM_CONTAINERS, WarmPool } from './warm-pool.js';

/** Longest stretch of preparing containers in one turn of the event loop. */
const PREPARE_SLICE_MS = 5;
const TICK_MS = 1_000;
/** Every so many ticks each supervisor's start time is compared too, not only its pid. */
const THOROUGH_EVERY = 5;
/** Time for strangers' containers to be gone before everything is torn down: longer than any step of their end but a stuck process. */
const ORPHANS_LIMIT_MS = 25_000;
/** Time for killed servants to leave their cgroup. */
const TEAR_DOWN_LIMIT_MS = 5_000;
/** Time for the containers that waited for a launch to be gone at a stop; what is left then goes at the next start. */
const STOP_LIMIT_MS = 2_000;
const recordKinds: readonly RecordKind[] = ['warm', 'supervisor', 'task', 'exit', 'limit'];

export interface ProcessContainerizerOptions {
  /** The folder that all of it lives in; on a local disk. */
  readonly root: string;
  /** A folder in memory for what a boot voids; absent: it lies in `root` too. */
  readonly volatileRoot?: string;
  readonly isolation: Isolation;
  /** How much is kept apart besides the limits; default `default`. */
  readonly isolationLevel?: IsolationLevel;
  /** Makes networks of their own; absent: containers that ask for one are refused. */
  readonly bridges?: BridgeNetworks;
  readonly pump: LogPumpSettings;
  readonly onEvent: (event: ContainerEvent) => void;
  /** How many containers to make in advance; default 8. */
  readonly warmContainers?: number;
  readonly clock: Clock;
  readonly dice: Dice;
  readonly log: Log;
}

/** Runs containers as plain processes of this host: a supervisor each, one launcher, one log pump. */
export class ProcessContainerizer implements Containerizer {
  readonly files: RunFiles;
  readonly #host: ContainerHost;
  #namespaces: NamespaceSupport = noNamespaces;
  #stopped = false;
  #tick: Timer | undefined;
  #ticks = 0;
  #preparing = false;
  readonly #waiting: ProcessContainer[] = [];
  readonly #changed = new Set<string>();
  readonly #containers = new Map<string, ProcessContainer>();
  /** Strangers found at the start, being destroyed; nobody is told of their end. */
  readonly #orphans = new Map<string, ProcessContainer>();
  /** Forgotten containers of which the kernel still holds something. */
  readonly #leftovers = new Set<string>();
  readonly #launcher: Launcher;
  readonly #pump: LogPumpKeeper;
  readonly #watch: FolderWatch;
  readonly #memory: OutOfMemoryWatch;
  readonly #warm: WarmPool;
  /** Ids of warm containers that were given out and are not launched yet. */
  readonly #given = new Set<string>();
  /** Launched, and neither started nor ended. */
  readonly #starting = new Set<string>();
  /** Whose task was launched last: whom folders made in advance are for. */
  #lastAccount: Account | undefined;

  constructor(private readonly options: ProcessContainerizerOptions) {
    const { clock, log, isolation } = options;
    const files = new RunFiles(options.root, options.volatileRoot);
    const { supervisorGroups, parents } = isolation;
    this.files = files;
    this.#launcher = new Launcher(
      files,
      supervisorGroups,
      parents,
      () => this.#namespaces.own,
      () => this.#askAgain(),
      clock,
      log,
    );
    this.#pump = new LogPumpKeeper(files, supervisorGroups, options.pump, clock, log);
    this.#watch = new FolderWatch(
      files.records,
      (name) => this.#recordChanged(name),
      () => undefined,
      clock,
      log,
    );
    const outOfMemory = (id: string): void => this.#containers.get(id)?.outOfMemory();
    this.#memory = new OutOfMemoryWatch(isolation, () => this.#running(), outOfMemory, clock);
    this.#host = this.#makeHost(files);
    this.#warm = this.#makePool();
  }

  #makePool(): WarmPool {
    const { warmContainers, dice, isolation } = this.options;
    return new WarmPool(this.#host, {
      size: warmContainers ?? DEFAULT_WARM_CONTAINERS,
      dice,
      make: (id) => {
        isolation.makeGroups(id);
        makeFolders(this.files, id, this.#lastAccount);
      },
      request: (ids) => this.#launcher.requestWarm(ids),
      discard: (id) => this.#destroy(id),
      queued: () => this.#waiting.length,
      starting: () => this.#starting.size,
    });
  }

  #makeHost(files: RunFiles): ContainerHost {
    const stopped = (): boolean => this.#stopped;
    const namespaces = (): NamespaceSupport => this.#namespaces;
    return {
      files,
      isolation: this.options.isolation,
      ...(this.options.bridges && { bridges: this.options.bridges }),
      clock: this.options.clock,
      log: this.options.log,
      get namespaces() {
        return namespaces();
      },
      get stopped() {
        return stopped();
      },
      request: (id, account) => this.#launcher.request(id, account),
      emit: (event) => this.#emit(event),
    };
  }

  get isolationKind(): string {
    return this.options.isolation.kind;
  }

  get gaps(): readonly string[] {
    return [...this.options.isolation.gaps, ...this.#namespaces.gaps];
  }

  /** Pids of the processes that serve all containers. */
  get servants(): { readonly launcher: number | undefined; readonly logPump: number | undefined } {
    return { launcher: this.#launcher.pid, logPump: this.#pump.pid };
  }

  /** How many containers wait for a launch. */
  get ready(): number {
    return this.#warm.ready;
  }

  async start(known: readonly KnownContainer[]): Promise<void> {
    this.files.create();
    this.options.isolation.setUp(this.files.sandboxes);
    this.#namespaces = await probeNamespaces(this.options.isolationLevel ?? 'default');
    for (const gap of this.gaps) this.options.log.warn(`not isolated: ${gap}`);
    await voidOtherBoots(this.files);
    this.#watch.start();
    this.#pump.start();
    this.#launcher.start();
    for (const { spec } of known)
      this.#containers.set(spec.id, new ProcessContainer(spec, this.#host, 'recovered'));
    await this.options.bridges?.start(new Set(known.map(({ spec }) => spec.id)));
    await this.#destroyOrphans();
    this.#memory.start();
    this.#tick = this.options.clock.every(TICK_MS, () => this.#look());
    for (const { spec } of known) {
      const container = this.#containers.get(spec.id);
      const condition = container?.observe();
      if (container && (condition === 'unclaimed' || condition === 'claimed')) this.#enqueue(container);
    }
    this.#warm.start();
  }

  async #destroyOrphans(): Promise<void> {
    const names = await Promise.all(
      [this.files.records, this.files.pipes, this.files.scripts].map((folder) => readdir(folder)),
    );
    const ids = new Set(names.flat().map((name) => name.split('.')[0] ?? name));
    for (const id of this.options.isolation.containers()) ids.add(id);
    for (const id of ids) {
      if (this.#containers.has(id)) continue;
      // Without a script it never was anybody's: a former agent made it in advance.
      if (existsSync(this.files.script(id)))
        this.options.log.warn('a container that no task is known of is destroyed', { container: id });
      this.#destroy(id);
    }
  }

  #destroy(id: string): void {
    const nothing: ContainerSpec = {
      id,
      command: { shell: true, value: 'true', arguments: [] },
      environment: [],
      limits: { cpus: 0, memMiB: 0 },
    };
    const orphan = new ProcessContainer(nothing, this.#host, 'recovered');
    this.#orphans.set(id, orphan);
    orphan.kill(0);
  }

  #emit(event: ContainerEvent): void {
    if (this.#stopped) return;
    if (event.type !== 'progress') this.#starting.delete(event.id);
    if (!this.#orphans.has(event.id)) {
      this.options.onEvent(event);
    } else if (event.type === 'ended') {
      void this.#removeOrphan(event.id);
    }
  }

  /** What is in its folders stays: it may be somebody's whom we only forgot. */
  async #removeOrphan(id: string): Promise<void> {
    await this.#removeRecords(id);
    removeEmptyFolders(this.files, id);
    this.#orphans.delete(id);
  }

  nextId(): string {
    const warm = this.#warm.take();
    if (warm === undefined) return this.options.dice.uuid();
    this.#given.add(warm);
    return warm;
  }

  launch(spec: ContainerSpec): void {
    if (this.#stopped || this.#containers.has(spec.id)) return;
    this.#lastAccount = spec.account ?? this.#lastAccount;
    const origin = this.#given.delete(spec.id) ? 'warm' : 'cold';
    const container = new ProcessContainer(spec, this.#host, origin);
    this.#containers.set(spec.id, container);
    this.#starting.add(spec.id);
    this.#enqueue(container);
  }

  #enqueue(container: ProcessContainer): void {
    this.#waiting.push(container);
    this.#prepareNext();
  }

  /** Prepares what waits, a few milliseconds at a time: exits and updates must not wait for a long queue. */
  #prepareNext(): void {
    if (this.#preparing) return;
    const { clock } = this.options;
    const untilMs = clock.monotonicMs() + PREPARE_SLICE_MS;
    while (!this.#stopped && clock.monotonicMs() < untilMs) {
      const container = this.#waiting.shift();
      if (!container) return;
      void container.begin();
    }
    this.#preparing = true;
    setImmediate(() => {
      this.#preparing = false;
      if (!this.#stopped) this.#prepareNext();
    });
  }

  kill(id: string, graceMs: number): void {
    this.#containers.get(id)?.kill(graceMs);
  }

  update(id: string, limits: ContainerLimits): void {
    this.#containers.get(id)?.update(limits);
  }

  statistics(id: string): ResourceStatistics | undefined {
    const container = this.#containers.get(id);
    if (!container?.running) return undefined;
    const { spec, limits, mainProcess } = container;
    return {
      ...this.options.isolation.statistics(id, this.options.clock.wallMs() / 1000),
      ...limitStatistics(limits, { cpus: availableParallelism(), memBytes: totalmem() }),
      ...(spec.bridge && mainProcess && networkCounters(mainProcess.pid)),
    };
  }

  async entrance(id: string): Promise<Entrance | undefined> {
    const container = this.#containers.get(id);
    const main = container?.running ? container.mainProcess : undefined;
    return container && main && processEntrance(this.#host, container.spec, main);
  }

  forget(id: string): void {
    if (this.#given.delete(id)) this.#destroy(id);
    if (!this.#containers.get(id)?.ended) return;
    this.#containers.delete(id);
    void this.#removeRecords(id);
  }

  /** The script goes first: a late request that finds no claim must not find a script either. */
  async #removeRecords(id: string): Promise<void> {
    try {
      await rm(this.files.script(id), { force: true });
      for (const path of [this.files.stage(id), this.files.mountList(id)]) await rm(path, { force: true });
      for (const kind of recordKinds) await rm(this.files.record(id, kind), { force: true });
      // Last: a launcher that was about to make it may have made them since its end. Without a claim it removes them itself.
      for (const stream of streams) await rm(this.files.pipe(id, stream), { force: true });
      removeOrders(this.files, id);
    } catch (error) {
      this.options.log.warn('records of an ended container stay until the next start', {
        container: id,
        error: (error as Error).message,
      });
    }
    if (!this.#stopped && !this.options.isolation.remove(id)) this.#leftovers.add(id);
  }

  async removeSandbox(id: string): Promise<void> {
    await removeTree(this.files.sandbox(id));
    await rm(this.files.output(id), { recursive: true, force: true });
  }

  /** Making and writing a record are two events; containers are looked at once for all events of a moment. */
  #recordChanged(name: string): void {
    if (this.#changed.size === 0) setImmediate(() => this.#observeChanged());
    this.#changed.add(name.split('.')[0] ?? name);
  }

  #observeChanged(): void {
    const ids = [...this.#changed];
    this.#changed.clear();
    if (this.#stopped) return;
    for (const id of ids) {
      this.#warm.observe(id);
      (this.#containers.get(id) ?? this.#orphans.get(id))?.observe();
    }
  }

  #look(): void {
    const thoroughShare = this.#ticks++ % THOROUGH_EVERY;
    let index = 0;
    for (const container of this.#containers.values())
      container.tick(index++ % THOROUGH_EVERY === thoroughShare);
    for (const orphan of this.#orphans.values()) orphan.tick(true);
    this.#memory.tick();
    if (thoroughShare === 0) this.#warm.tick();
    for (const id of this.#leftovers) {
      this.options.isolation.killMembers(id);
      if (this.options.isolation.remove(id)) this.#leftovers.delete(id);
    }
  }

  *#running(): Iterable<string> {
    for (const container of this.#containers.values()) if (container.running) yield container.id;
  }

  #askAgain(): void {
    for (const container of this.#containers.values()) if (container.unanswered) container.ask();
    this.#warm.askAgain();
  }

  async stop(): Promise<void> {
    this.#warm.stop();
    if (this.#tick) await this.#until(STOP_LIMIT_MS, () => this.#orphans.size === 0);
    this.#stopped = true;
    this.#tick?.cancel();
    this.#watch.stop();
    this.#memory.stop();
    this.#pump.stop();
    this.#launcher.stop();
    for (const container of [...this.#containers.values(), ...this.#orphans.values()]) container.detach();
  }

  /** Ends launcher and pump too and removes this work dir's groups: for a work dir that holds no task any more. */
  async tearDown(): Promise<void> {
    this.#warm.stop();
    await this.#until(ORPHANS_LIMIT_MS, () => this.#orphans.size === 0 && this.#leftovers.size === 0);
    const servants = [...this.#pump.pids, this.#launcher.pid];
    await this.stop();
    for (const pid of servants) if (pid !== undefined) signal(pid, 'SIGKILL');
    const { log, isolation } = this.options;
    this.files.removeVolatile();
    if (await this.#until(TEAR_DOWN_LIMIT_MS, () => isolation.tearDown())) return;
    log.warn('empty cgroups of this work dir stay behind', { groups: isolation.supervisorGroups });
  }

  async #until(limitMs: number, condition: () => boolean): Promise<boolean> {
    const { clock } = this.options;
    const untilMs = clock.monotonicMs() + limitMs;
    while (!condition()) {
      if (clock.monotonicMs() > untilMs) return false;
      await new Promise<void>((again) => clock.after(5, again));
    }
    return true;
  }
}
