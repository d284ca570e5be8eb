import type { AppId, AppRecord } from '../apps/app.js';
import type { AppChange, AppRegistry } from '../apps/app-registry.js';
import type { ReadinessResult } from '../deployments/deployment.js';
import type { EventBus } from '../events/event-bus.js';
import type { Log } from '../logging/log.js';
import type { Instance, InstanceHealth } from '../scheduler/instance.js';
import type { HealthFact, InstanceChange, InstanceReadModel } from '../scheduler/scheduler.js';
import type { Clock, Timer } from '../util/clock.js';
import { timestamp, timestampMs } from '../util/timestamp.js';
import { agentCheckIndex, judgeAgentWord } from './decide/agent-verdict.js';
import {
  carryHealth,
  carryReadiness,
  isFlip,
  restoredHealth,
  unknownHealth,
  withResult,
} from './decide/instance-health.js';
import { probedAlike, probesAlike, wantedProbes } from './decide/targets.js';
import { judgeProbe } from './decide/verdict.js';
import type { HealthReadModel, ProbeResult, Prober } from './health.js';
import { HealthEvents } from './health-events.js';
import { readinessResult } from './readiness-result.js';
import { Sweeps } from './sweeps.js';
import { type Generation, TaskBook } from './task-book.js';
import type { ActiveProbe, TrackedTask } from './tracked-task.js';

/** Repeated successes are told to the scheduler at most this often; whatever changes a verdict is told at once. */
export const QUIET_REPORT_MS = 15_000;
/** Longest stretch of the start in one turn of the event loop. */
const START_SLICE_MS = 8;
/** A definition that could not be read from the store is asked for again. */
const DEFINITION_RETRY_MS = 5_000;

export interface HealthServiceOptions {
  readonly apps: Pick<AppRegistry, 'get' | 'version' | 'onChange'>;
  readonly scheduler: {
    readonly instances: Pick<InstanceReadModel, 'all' | 'onChange'>;
    report(fact: HealthFact): void;
  };
  readonly prober: Prober;
  readonly events: Pick<EventBus, 'publish'>;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Keeps a probe for every check of every running task, turns results into verdicts and tells them to the scheduler as facts.
 *
 * INVARIANTS
 * - Only a counted failure takes health away. A restart, a prober that is gone, a missing definition and a check that was
 *   just added leave an instance as it was.
 * - A task is probed by the checks of the definition it runs: those of the app's current one only when its launch hash is
 *   the same.
 * - What an app's change means for its tasks is seen to a slice a turn; a change that means nothing for probing costs nothing.
 * - After `stop` nothing is reported.
 */
export class HealthService implements HealthReadModel {
  readonly #tasks = new TaskBook();
  readonly #byProbe = new Map<string, TrackedTask>();
  readonly #readinessWanted = new Set<AppId>();
  readonly #retries = new Map<TrackedTask, Timer>();
  readonly #lookUps = new Map<string, Promise<AppRecord | undefined>>();
  readonly #sweeps: Sweeps<AppId, TrackedTask>;
  readonly #events: HealthEvents;
  readonly #readinessListeners = new Set<(appId: AppId) => void>();
  #unsubscribe: (() => void)[] = [];
  #stopped = false;

  constructor(private readonly options: HealthServiceOptions) {
    this.#events = new HealthEvents(options.events);
    this.#sweeps = new Sweeps(options.clock, (tracked) => this.#refresh(tracked));
  }

  /** Starts the prober, then probes everything that runs already. */
  async start(): Promise<void> {
    const { apps, clock, prober, scheduler } = this.options;
    await prober.start((result) => this.#onResult(result));
    if (this.#stopped) return;
    this.#unsubscribe = [
      scheduler.instances.onChange((change) => this.#onInstance(change)),
      apps.onChange((changes) => this.#onApps(changes)),
    ];
    let until = clock.monotonicMs() + START_SLICE_MS;
    for (const instance of scheduler.instances.all()) {
      this.#onInstance({ before: undefined, after: instance });
      if (clock.monotonicMs() <= until) continue;
      // What changes meanwhile is heard of, and is looked at once more when its turn comes.
      await new Promise<void>((next) => setImmediate(next));
      if (this.#stopped) return;
      until = clock.monotonicMs() + START_SLICE_MS;
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    for (const unsubscribe of this.#unsubscribe.splice(0)) unsubscribe();
    for (const timer of this.#retries.values()) timer.cancel();
    this.#retries.clear();
    this.#sweeps.stop();
    await this.options.prober.stop();
  }

  /** Results of the app's readiness check per task, while a deployment wants them. */
  readiness(appId: AppId): readonly ReadinessResult[] {
    if (!this.#readinessWanted.has(appId)) return [];
    return [...this.#tasks.ofApp(appId)].flatMap(({ readiness }) => (readiness ? [readiness] : []));
  }

  /** Told the app whose readiness results changed. */
  onReadinessChange(listener: (appId: AppId) => void): () => void {
    this.#readinessListeners.add(listener);
    return () => this.#readinessListeners.delete(listener);
  }

  /** A deployment begins or ends to wait for the app's readiness check: its answers are shown meanwhile. Idempotent. */
  setReadinessWanted(appId: AppId, wanted: boolean): void {
    if (wanted === this.#readinessWanted.has(appId)) return;
    if (wanted) this.#readinessWanted.add(appId);
    else this.#readinessWanted.delete(appId);
    this.#sweeps.begin(appId, this.#tasks.ofApp(appId));
  }

  #onInstance({ before, after }: InstanceChange): void {
    const id = after?.id ?? before?.id;
    const tracked = id && this.#tasks.get(id);
    if (tracked && (after?.condition !== 'Running' || after.task?.id !== tracked.task.id))
      this.#ended(tracked);
    if (after?.condition !== 'Running') return;
    const known = this.#tasks.get(after.id);
    if (!known) {
      this.#track(after);
      return;
    }
    const goesNow = known.instance.takingOut?.phase !== after.takingOut?.phase;
    known.instance = after;
    this.#onAgentWord(known);
    if (goesNow) this.#syncProbes(known);
  }

  #track(instance: Instance): void {
    const { clock } = this.options;
    const { task } = instance;
    if (!task) return;
    const ranForMs = Math.max(0, clock.wallMs() - timestampMs(instance.since));
    const tracked: TrackedTask = {
      instance,
      task,
      record: undefined,
      health: instance.health?.taskId === task.id ? instance.health : unknownHealth(task.id, 0),
      runningSinceMs: clock.monotonicMs() - ranForMs,
      probes: new Map(),
      readiness: undefined,
      reportedMs: Number.NEGATIVE_INFINITY,
      gaveUp: false,
    };
    const generation = this.#tasks.add(tracked);
    generation.record ??= this.#currentDefinition(instance);
    if (generation.record) this.#define(tracked, generation.record);
    else void this.#lookUp(tracked, generation);
  }

  /** A task that failed its agent's check as often as it may has been ended by that agent: nobody else tells why. */
  #ended(tracked: TrackedTask): void {
    const { instance, task, record, health } = tracked;
    const index = agentCheckIndex(record?.app.healthChecks ?? []);
    const max = record?.app.healthChecks[index]?.maxConsecutiveFailures ?? 0;
    const result = health.results[index];
    if (result && !instance.takingOut && max > 0 && result.consecutiveFailures >= max)
      this.#events.gaveUp(instance, task, result.lastFailureCause ?? 'unknown');
    this.#untrack(tracked);
  }

  #untrack(tracked: TrackedTask): void {
    this.#tasks.remove(tracked);
    this.#retries.get(tracked)?.cancel();
    this.#retries.delete(tracked);
    for (const key of [...tracked.probes.keys()]) this.#removeProbe(tracked, key);
  }

  /** The app's definition, if it is the one that the instance runs. */
  #currentDefinition({ appId, launchHash }: Instance): AppRecord | undefined {
    const current = this.options.apps.get(appId);
    return current?.launchHash === launchHash ? current : undefined;
  }

  /** After a restart in the middle of a deployment: the old definition comes from the store. */
  async #lookUp(tracked: TrackedTask, generation: Generation): Promise<void> {
    const { clock, log } = this.options;
    const { id, runSpecVersion: version } = tracked.instance;
    const isOpen = (): boolean => !this.#stopped && this.#tasks.has(tracked) && !tracked.record;
    try {
      const record = await this.#stored(tracked.instance);
      if (!isOpen()) return;
      generation.record ??= record;
      if (generation.record) this.#define(tracked, generation.record);
      else
        log.warn('the definition of a running task is gone; it keeps its health unprobed', {
          instance: id,
          version,
        });
    } catch (error) {
      if (!isOpen()) return;
      log.warn('the definition of a running task cannot be read; asked again', {
        instance: id,
        version,
        error,
      });
      this.#retries.set(
        tracked,
        clock.after(DEFINITION_RETRY_MS, () => void this.#lookUp(tracked, generation)),
      );
    }
  }

  /** Asked once for all who ask meanwhile. */
  #stored({ appId, runSpecVersion: version }: Instance): Promise<AppRecord | undefined> {
    const key = `${appId} ${version}`;
    const known = this.#lookUps.get(key);
    if (known) return known;
    const asked = this.options.apps.version(appId, version).finally(() => this.#lookUps.delete(key));
    this.#lookUps.set(key, asked);
    return asked;
  }

  #define(tracked: TrackedTask, record: AppRecord): void {
    tracked.record = record;
    tracked.health = restoredHealth(tracked.health, tracked.task.id, record.app.healthChecks.length);
    const health = this.#carried(tracked, tracked.health);
    if (health !== tracked.health) this.#become(tracked, health);
    this.#syncProbes(tracked);
    this.#onAgentWord(tracked);
  }

  #onApps(changes: readonly AppChange[]): void {
    for (const change of changes) {
      this.#events.appChanged(change);
      const { appId, before, after } = change;
      if (!after) continue;
      const generation = this.#tasks.generation({ appId, launchHash: after.launchHash });
      const isNews = generation && !(generation.record && probedAlike(generation.record, after));
      if (isNews) generation.record = after;
      const asksFirst = before?.app.readinessChecks.length === 0 && after.app.readinessChecks.length > 0;
      if (isNews || asksFirst) this.#sweeps.begin(appId, this.#tasks.ofApp(appId));
    }
  }

  /** What serves by a definition without a readiness check stays so when the app has one now, in place or by a deployment. */
  #carried({ instance, record }: TrackedTask, health: InstanceHealth): InstanceHealth {
    const now = this.options.apps.get(instance.appId);
    if (!record || !now) return health;
    return carryReadiness(health, record.app.readinessChecks, now.app.readinessChecks);
  }

  /** Brings a task's probes, and the health it keeps, in line with its definition; forgets answers that nobody wants now. */
  #refresh(tracked: TrackedTask): void {
    if (this.#stopped || !this.#tasks.has(tracked)) return;
    if (!this.#readinessWanted.has(tracked.instance.appId)) tracked.readiness = undefined;
    const record = this.#tasks.generation(tracked.instance)?.record;
    const before = tracked.record;
    if (record && !before) {
      this.#define(tracked, record);
      return;
    }
    const health = this.#carried(tracked, tracked.health);
    if (record && before && record !== before) {
      tracked.record = record;
      this.#become(tracked, carryHealth(health, before.app.healthChecks, record.app.healthChecks));
    } else if (health !== tracked.health) this.#become(tracked, health);
    this.#syncProbes(tracked);
  }

  /** Makes the prober's targets of a task what they should be; equal ones are left alone. */
  #syncProbes(tracked: TrackedTask): void {
    const { instance, record, health, probes } = tracked;
    const wanted = record ? wantedProbes(instance, record, health) : [];
    const keep = new Map(wanted.map((probe) => [probe.target.key, probe]));
    for (const [key, active] of [...probes]) {
      const same = keep.get(key);
      if (same && probesAlike(same.target, active.target)) keep.delete(key);
      else this.#removeProbe(tracked, key);
    }
    for (const [key, probe] of keep) {
      probes.set(key, { ...probe });
      this.#byProbe.set(key, tracked);
      this.options.prober.add(probe.target);
    }
  }

  #removeProbe(tracked: TrackedTask, key: string): void {
    tracked.probes.delete(key);
    this.#byProbe.delete(key);
    this.options.prober.remove(key);
  }

  #onResult(result: ProbeResult): void {
    const tracked = this.#byProbe.get(result.key);
    const probe = tracked?.probes.get(result.key);
    if (this.#stopped || !tracked || !probe) return;
    switch (probe.kind) {
      case 'health':
        this.#onHealth(tracked, probe, result);
        return;
      case 'ready':
        this.#showReadiness(tracked, probe, result);
        if (result.ok) this.#achieved(tracked, result.key, { ...tracked.health, ready: true });
        return;
      case 'port':
        if (result.ok) this.#achieved(tracked, result.key, { ...tracked.health, portOpen: true });
    }
  }

  /** Answers are kept for the API while a deployment waits for them; that a task is ready counts at any time. */
  #showReadiness(tracked: TrackedTask, probe: ActiveProbe, result: ProbeResult): void {
    const { appId } = tracked.instance;
    if (!this.#readinessWanted.has(appId)) return;
    tracked.readiness = readinessResult(tracked, probe.target, result);
    for (const listener of this.#readinessListeners) listener(appId);
  }

  /** What needs to succeed only once has succeeded. */
  #achieved(tracked: TrackedTask, key: string, health: InstanceHealth): void {
    this.#removeProbe(tracked, key);
    this.#become(tracked, health);
  }

  #onHealth(tracked: TrackedTask, probe: ActiveProbe, { ok, cause }: ProbeResult): void {
    const check = tracked.record?.app.healthChecks[probe.index];
    if (!check) return;
    const { clock } = this.options;
    const nowMs = clock.monotonicMs();
    const before = tracked.health.results[probe.index];
    const verdict = judgeProbe({
      check,
      before,
      ok,
      cause,
      now: timestamp(clock.wallMs()),
      runningForMs: nowMs - tracked.runningSinceMs,
      sinceFailureMs: probe.lastFailureMs === undefined ? undefined : nowMs - probe.lastFailureMs,
    });
    if (!verdict.after || verdict.after === before) return;
    const { instance, task } = tracked;
    if (verdict.failureCounted) {
      probe.lastFailureMs = nowMs;
      this.#events.failed(instance, check);
    }
    if (verdict.aliveChanged) this.#events.statusChanged(instance, verdict.after.alive);
    this.#become(tracked, withResult(tracked.health, probe.index, verdict.after), ok);
    // Whoever is on the way out already need not be given up.
    if (verdict.giveUp === undefined || instance.takingOut) return;
    if (!tracked.gaveUp) this.#events.gaveUp(instance, task, verdict.giveUp);
    tracked.gaveUp = true;
    const fact = {
      kind: 'give-up',
      instanceId: instance.id,
      taskId: task.id,
      reason: verdict.giveUp,
    } as const;
    this.options.scheduler.report(fact);
  }

  /** What the task's agent said of its health last, if that is news. */
  #onAgentWord(tracked: TrackedTask): void {
    const { instance, record } = tracked;
    const said = instance.task?.agentHealth;
    const checks = record?.app.healthChecks ?? [];
    const index = agentCheckIndex(checks);
    const check = checks[index];
    if (!said || !check || this.#stopped) return;
    const before = tracked.health.results[index];
    const verdict = judgeAgentWord(before, said);
    if (!verdict.after || verdict.after === before) return;
    if (verdict.failureCounted) this.#events.failed(instance, check);
    if (verdict.aliveChanged) this.#events.statusChanged(instance, verdict.after.alive);
    this.#become(tracked, withResult(tracked.health, index, verdict.after));
  }

  /** Takes new health over and tells it: a flip at once, counts too, a mere repetition (`quiet`) only now and then. */
  #become(tracked: TrackedTask, found: InstanceHealth, quiet = false): void {
    const { clock, scheduler } = this.options;
    const before = tracked.health;
    const health = this.#carried(tracked, found);
    tracked.health = health;
    const flip = isFlip(before, health);
    if (before.healthy !== health.healthy) this.#events.instanceChanged(tracked.instance, health.healthy);
    const nowMs = clock.monotonicMs();
    if (!flip && quiet && nowMs - tracked.reportedMs < QUIET_REPORT_MS) return;
    tracked.reportedMs = nowMs;
    scheduler.report({ kind: 'health', instanceId: tracked.instance.id, health, flip });
  }
}
