import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isTerminalState, type TaskInfo, type TaskState } from '../../../src/embedded-mesos/protocol/v1.js';
import { waitFor } from '../support/patient-wait.js';
import type { AgentWorld } from './agent-world.js';
import type { CrashPoint } from './crash-points.js';

/** What came of a task whose agent died at one moment of its life. */
export interface CrashStory {
  /** How often its program was started, in all of its sandboxes. */
  readonly starts: number;
  /** Its statuses that are an end. */
  readonly ends: readonly string[];
  /** Copies of it that ran once the agent was back; 0 when it was to end. */
  readonly copies: number;
}

/** A program that says that it was started, and ends when it is asked to. */
export const tellingProgram = (ran: string, name: string): string =>
  `: ${name}; echo ran >> ${ran}; trap "exit 3" TERM; while true; do sleep 0.1; done`;

/**
 * Has a task launched and killed by an agent that dies once, at `point`, and comes back; the master does what a master does: it
 * sends again what is not known to the agent that registers.
 */
export async function crashStory(
  world: AgentWorld,
  task: TaskInfo,
  point: CrashPoint,
  how: {
    readonly dies: 'in its launch' | 'in its end';
    readonly options?: Record<string, unknown>;
    /** How many copies of the task run. */
    readonly copies: (taskId: string) => Promise<number> | number;
    /** Waits for what the point needs of the agent before the task comes. */
    readonly isReady?: () => Promise<void>;
  },
): Promise<CrashStory> {
  const id = task.task_id.value;
  const ends = (): readonly string[] =>
    world.states(id).filter((state) => isTerminalState(state as TaskState));
  const running = (): boolean => world.states(id).includes('TASK_RUNNING');
  const launched = (): Promise<unknown> =>
    waitFor(() => running() && startsOf(world) > 0, {
      what: () => `${point}: the task to run; it said ${world.states(id).join(', ')}`,
    });
  await world.start(how.options, point);
  await how.isReady?.();
  world.run(task);
  if (how.dies === 'in its end') {
    await launched();
    world.kill(id);
  }
  await world.died(point);
  await world.start(how.options);
  const known = world.registers.at(-1)?.tasks.some((each) => each.task.task_id.value === id) ?? false;
  let copies = 0;
  if (how.dies === 'in its launch') {
    if (!known) world.run(task);
    await launched();
    copies = await how.copies(id);
  }
  if (ends().length === 0) world.kill(id);
  await waitFor(() => ends().length > 0, {
    what: () => `${point}: the end of the task; it said ${world.states(id).join(', ')}`,
  });
  await waitFor(async () => (await how.copies(id)) === 0, { what: `${point}: nothing of the task to run` });
  await waitFor(
    async () =>
      (await world.get('/metrics/snapshot')).text.includes('"slave/unacknowledged_status_updates":0'),
    { what: `${point}: everything to be told` },
  );
  return { starts: startsOf(world), ends: ends(), copies };
}

function startsOf(world: AgentWorld): number {
  return world
    .files('sandboxes')
    .map((id) => join(world.workDir, 'agent/sandboxes', id))
    .filter((folder) => existsSync(folder) && readdirSync(folder).includes('ran'))
    .reduce((sum, folder) => sum + readFileSync(join(folder, 'ran'), 'utf8').trim().split('\n').length, 0);
}

/** Carries out a story for each point, so many at once; after one that fails no other begins. */
export async function storiesOf<P>(
  points: readonly P[],
  atOnce: number,
  story: (point: P) => Promise<CrashStory>,
): Promise<readonly (readonly [P, CrashStory])[]> {
  const left = [...points];
  const found: (readonly [P, CrashStory])[] = [];
  const work = async (): Promise<void> => {
    for (let point = left.shift(); point !== undefined; point = left.shift())
      found.push([
        point,
        await story(point).catch((error: unknown) => {
          left.length = 0;
          throw error;
        }),
      ]);
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return found;
}
