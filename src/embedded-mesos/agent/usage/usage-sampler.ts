import type { Clock, Timer } from '../../../util/clock.js';
import type { ContainerEvent, ResourceStatistics } from '../../containers/containerizer.js';
import type { TaskUsage } from '../../protocol/agent-line.js';
import { processorSeconds, usageBetween } from '../decide/usage-between.js';

/** How often the counters of every container are read. */
export const SAMPLE_EVERY_MS = 10_000;
/** Longest stretch of reading in one turn of the event loop, and the pause after it: launches and statuses go first. */
const SLICE_MS = 4;
const PAUSE_MS = 15;
/** Most tasks that one message tells of; with more of them they take turns. */
export const MAX_TASKS_PER_REPORT = 1_000;

export interface SampledTask {
  readonly taskId: string;
  readonly containerId: string;
}

/** What was seen of a container at the last look. */
export interface Sample {
  readonly taskId: string;
  readonly statistics: ResourceStatistics;
  /** Monotonic. */
  readonly atMs: number;
}

export interface UsageSamplerOptions {
  /** The tasks that run. */
  readonly tasks: () => Iterable<SampledTask>;
  /** A container's counters now; undefined when it does not run. */
  readonly statistics: (containerId: string) => ResourceStatistics | undefined;
  /** Sends what was used. */
  readonly report: (tasks: readonly TaskUsage[]) => void;
  readonly clock: Clock;
}

/**
 * Looks at the counters of all containers every 10 s, a few milliseconds at a time, and tells what was used in between.
 *
 * INVARIANTS
 * - One round at a time, one report per round, of at most `MAX_TASKS_PER_REPORT` tasks.
 * - What is remembered of a container goes with it.
 */
export class UsageSampler {
  readonly #samples = new Map<string, Sample>();
  #timer: Timer | undefined;
  #pause: Timer | undefined;
  #sampling = false;
  #stopped = false;
  /** Where the next round begins when there are more tasks than one report holds. */
  #first = 0;

  constructor(private readonly options: UsageSamplerOptions) {}

  start(): void {
    this.#timer = this.options.clock.every(SAMPLE_EVERY_MS, () => this.#begin());
  }

  /** The last look at every container, at most some 10 s old. */
  samples(): ReadonlyMap<string, Sample> {
    return this.#samples;
  }

  /**
   * An event of a container, with what it used where its containerizer does not know (groups of a Docker engine are gone when
   * the engine tells of the end): as of the last look.
   */
  completed(event: ContainerEvent): ContainerEvent {
    if (event.type !== 'ended') return event;
    const last = this.#samples.get(event.id)?.statistics;
    this.#samples.delete(event.id);
    if (last === undefined || event.end.use !== undefined) return event;
    const use = {
      cpuSeconds: Math.round(processorSeconds(last) * 1_000) / 1_000,
      ...(last.mem_peak_bytes !== undefined && { peakMemoryBytes: last.mem_peak_bytes }),
    };
    return { ...event, end: { ...event.end, use } };
  }

  #begin(): void {
    if (this.#sampling || this.#stopped) return;
    const all = [...this.options.tasks()];
    const present = new Set(all.map(({ containerId }) => containerId));
    for (const id of this.#samples.keys()) if (!present.has(id)) this.#samples.delete(id);
    this.#sampling = true;
    this.#goOn(this.#turnOf(all), 0, []);
  }

  #turnOf(all: readonly SampledTask[]): readonly SampledTask[] {
    if (all.length <= MAX_TASKS_PER_REPORT) return all;
    const first = this.#first % all.length;
    this.#first = (first + MAX_TASKS_PER_REPORT) % all.length;
    return [...all.slice(first), ...all.slice(0, first)].slice(0, MAX_TASKS_PER_REPORT);
  }

  #goOn(tasks: readonly SampledTask[], from: number, used: TaskUsage[]): void {
    if (this.#stopped) return;
    const { clock } = this.options;
    const untilMs = clock.monotonicMs() + SLICE_MS;
    let next = from;
    while (next < tasks.length && (next === from || clock.monotonicMs() < untilMs)) {
      const task = tasks[next++];
      const usage = task && this.#look(task);
      if (usage) used.push(usage);
    }
    if (next < tasks.length) {
      this.#pause = clock.after(PAUSE_MS, () => this.#goOn(tasks, next, used));
      return;
    }
    this.#sampling = false;
    if (used.length > 0) this.options.report(used);
  }

  #look({ taskId, containerId }: SampledTask): TaskUsage | undefined {
    const statistics = this.options.statistics(containerId);
    if (!statistics) return undefined;
    const atMs = this.options.clock.monotonicMs();
    const before = this.#samples.get(containerId);
    this.#samples.set(containerId, { taskId, statistics, atMs });
    return before && usageBetween(taskId, before.statistics, statistics, (atMs - before.atMs) / 1_000);
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#pause?.cancel();
  }
}
