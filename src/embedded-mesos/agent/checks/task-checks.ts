import type { Clock, Timer } from '../../../util/clock.js';
import type { Dice } from '../../../util/ids.js';
import type { CheckStatusInfo } from '../../protocol/v1.js';
import { type CheckPlan, checkPlans, emptyCheckStatus } from '../decide/check-plan.js';
import {
  checkStatusOf,
  failureOf,
  type HealthTrack,
  judgeHealth,
  sameCheckStatus,
} from '../decide/check-verdict.js';
import type { TaskRecord } from '../task-record.js';
import type { Attempts } from './attempt.js';

/** Attempts of all tasks at once; others wait for their turn. */
export const MAX_ATTEMPTS = 32;

/** What a check has to say of its task. */
export type CheckNews =
  | {
      readonly type: 'health';
      readonly track: HealthTrack;
      readonly failure?: string;
      readonly kill: boolean;
    }
  | { readonly type: 'check'; readonly status: CheckStatusInfo };

export interface TaskChecksParts {
  readonly attempts: Attempts;
  readonly tell: (taskId: string, news: CheckNews) => void;
  readonly clock: Clock;
  readonly dice: Dice;
}

interface Running {
  readonly taskId: string;
  readonly containerId: string;
  readonly plan: CheckPlan;
  readonly beganMs: number;
  track: HealthTrack;
  result: CheckStatusInfo | undefined;
  timer: Timer | undefined;
  over: boolean;
}

/**
 * Checks the running tasks that ask for it (Mesos reference 2.10).
 *
 * INVARIANTS
 * - A check of a task is carried out once at a time; its interval begins at the end of an attempt.
 * - Nothing is told of a task that is being killed, or ended; nothing after `stop`.
 * - At most MAX_ATTEMPTS are carried out at once.
 */
export class TaskChecks {
  readonly #byTask = new Map<string, readonly Running[]>();
  #atWork = 0;
  readonly #queue: Running[] = [];
  #paused = false;
  #stopped = false;

  constructor(private readonly parts: TaskChecksParts) {}

  /** How many checks there are. */
  get size(): number {
    let size = 0;
    for (const each of this.#byTask.values()) size += each.length;
    return size;
  }

  /** Told of every task at the begin, and at each change of its phase. */
  follow(record: TaskRecord): void {
    const { task, phase } = record;
    const taskId = task.task_id.value;
    if (task.health_check === undefined && task.check === undefined) return;
    const known = this.#byTask.get(taskId);
    if (phase === 'running' && !known && !this.#stopped) this.#begin(record);
    else if (phase !== 'running' && known) this.#end(taskId, known);
  }

  /** While nobody hears of them, checks rest: as Mesos's, that pause without an agent. */
  pause(paused: boolean): void {
    this.#paused = paused;
    if (!paused) this.#next();
  }

  #begin({ task, containerId, latest, health }: TaskRecord): void {
    const { clock, dice } = this.parts;
    const taskId = task.task_id.value;
    const known = latest.healthy !== undefined;
    const all = checkPlans(task).plans.map((plan): Running => {
      const running: Running = {
        taskId,
        containerId,
        plan,
        beganMs: clock.monotonicMs(),
        track: { failures: health?.failures ?? 0, healthy: latest.healthy },
        result: latest.check_status ?? (task.check && emptyCheckStatus(task.check)),
        timer: undefined,
        over: false,
      };
      // After a restart of the agent all checks would begin at once.
      const firstMs = known ? plan.intervalMs * dice.random() : plan.delayMs;
      this.#later(running, firstMs);
      return running;
    });
    this.#byTask.set(taskId, all);
  }

  #end(taskId: string, all: readonly Running[]): void {
    this.#byTask.delete(taskId);
    for (const running of all) {
      running.over = true;
      running.timer?.cancel();
    }
  }

  #later(running: Running, ms: number): void {
    running.timer = this.parts.clock.after(ms, () => {
      this.#queue.push(running);
      this.#next();
    });
  }

  #next(): void {
    while (!this.#stopped && !this.#paused && this.#atWork < MAX_ATTEMPTS) {
      const running = this.#queue.shift();
      if (!running) return;
      if (running.over) continue;
      this.#atWork++;
      void this.#attempt(running).finally(() => {
        this.#atWork--;
        this.#next();
      });
    }
  }

  async #attempt(running: Running): Promise<void> {
    const { attempts, clock, tell } = this.parts;
    const { taskId, containerId, plan } = running;
    const result = await attempts.make(containerId, plan);
    if (this.#stopped || running.over) return;
    if (result.type === 'impossible') {
      this.#later(running, plan.intervalMs);
      return;
    }
    if (plan.kind === 'health') {
      const failure = failureOf(result);
      const verdict = judgeHealth(
        plan,
        running.track,
        failure === undefined,
        clock.monotonicMs() - running.beganMs,
      );
      running.track = verdict.track;
      if (verdict.tell)
        tell(taskId, {
          type: 'health',
          track: verdict.track,
          ...(failure !== undefined && { failure }),
          kill: verdict.kill,
        });
    } else {
      const status = checkStatusOf(plan.probe, result);
      if (!sameCheckStatus(running.result, status)) tell(taskId, { type: 'check', status });
      running.result = status;
    }
    if (!running.over) this.#later(running, plan.intervalMs);
  }

  stop(): void {
    this.#stopped = true;
    for (const [taskId, all] of this.#byTask) this.#end(taskId, all);
  }
}
