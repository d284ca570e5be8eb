import type { MasterTask } from './cluster.js';
import type { Master } from './master.js';
import { sortInSlices } from './sort-in-slices.js';
import { list } from './state-documents.js';
import { taskJson } from './state-json.js';

/** Mesos's default and the most that is given at once. */
const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 100_000;
/** Tasks looked at before the loop gets a turn. */
const TASKS_PER_LOOK = 2_000;

/** What `/tasks` was asked for. */
export interface TasksQuestion {
  readonly limit: number;
  readonly offset: number;
  /** By the time of the first status. */
  readonly ascending: boolean;
  readonly frameworkId: string | undefined;
  readonly taskId: string | undefined;
}

/** Reads the query; what is no number of tasks counts as not given, as with a real master. */
export function tasksQuestion(query: URLSearchParams): TasksQuestion {
  const whole = (name: string, fallback: number): number => {
    const text = query.get(name);
    return text !== null && /^\d{1,9}$/.test(text) ? Number(text) : fallback;
  };
  return {
    limit: Math.min(MAX_LIMIT, whole('limit', DEFAULT_LIMIT)),
    offset: whole('offset', 0),
    ascending: query.get('order') === 'asc',
    frameworkId: query.get('framework_id') ?? undefined,
    taskId: query.get('task_id') ?? undefined,
  };
}

interface Timed {
  readonly task: MasterTask;
  readonly at: number;
}

/** `/tasks` in pieces: running, unreachable and completed tasks of all frameworks, newest first unless asked otherwise. */
export function* tasksPieces(master: Master, question: TasksQuestion): Generator<string> {
  const { limit, offset, ascending, frameworkId, taskId } = question;
  const timed: Timed[] = [];
  let looked = 0;
  for (const task of allTasks(master)) {
    if (++looked % TASKS_PER_LOOK === 0) yield '';
    if (frameworkId !== undefined && task.frameworkId !== frameworkId) continue;
    if (taskId !== undefined && task.taskId !== taskId) continue;
    timed.push({ task, at: task.history[0]?.timestamp ?? Number.MAX_VALUE });
  }
  const ascendingTasks = yield* sortInSlices(timed, ({ at }) => at);
  const page = ascending
    ? ascendingTasks.slice(offset, offset + limit)
    : ascendingTasks
        .slice(Math.max(0, timed.length - offset - limit), Math.max(0, timed.length - offset))
        .reverse();
  yield '{"tasks":[';
  yield* list(page, ({ task }) => taskJson(task));
  yield ']}';
}

function* allTasks({ cluster }: Master): Generator<MasterTask> {
  for (const frameworks of [cluster.frameworks.values(), cluster.completedFrameworks]) {
    for (const { tasks, unreachableTasks, completedTasks } of frameworks) {
      yield* tasks.values();
      yield* unreachableTasks.values();
      yield* completedTasks;
    }
  }
}
