import { setImmediate as turn } from 'node:timers/promises';
import type { AppId, AppRecord } from '../apps/app.js';
import type { TaskNow, UsageBook } from './usage-book.js';

/** Apps whose values are added up in one turn of the event loop. */
const ADDED_AT_ONCE = 200;

interface AppNow {
  readonly appId: AppId;
  readonly tasks: readonly TaskNow[];
  readonly record: AppRecord;
}

const sum = (tasks: readonly TaskNow[], read: (task: TaskNow) => number): number =>
  tasks.reduce((total, task) => total + read(task), 0);

const gauges: readonly {
  readonly name: string;
  readonly help: string;
  readonly read: (app: AppNow) => number;
}[] = [
  {
    name: 'longrun_app_instances_measured',
    help: 'Instances of which the agents told of late',
    read: ({ tasks }) => tasks.length,
  },
  {
    name: 'longrun_app_cpus_used',
    help: 'Processors that were busy for the app, over some 10 s',
    read: ({ tasks }) => sum(tasks, ({ usage }) => usage.cpus),
  },
  {
    name: 'longrun_app_cpus_requested',
    help: 'Processors that its measured instances ask for',
    read: ({ tasks, record }) => tasks.length * record.app.cpus,
  },
  {
    name: 'longrun_app_throttled_ratio',
    help: 'Share of the time in which a quota held its instances back',
    read: ({ tasks }) => sum(tasks, ({ usage }) => usage.throttled) / tasks.length,
  },
  {
    name: 'longrun_app_memory_working_set_bytes',
    help: 'Memory of the app that cannot be given up without harm',
    read: ({ tasks }) => sum(tasks, ({ usage }) => usage.memoryBytes),
  },
  {
    name: 'longrun_app_memory_requested_bytes',
    help: 'Memory that its measured instances ask for',
    read: ({ tasks, record }) => tasks.length * record.app.mem * 1024 * 1024,
  },
];

/** Prometheus text (0.0.4) of what each app uses now; written some apps at a time. */
export async function usageExposition(
  book: Pick<UsageBook, 'apps' | 'now'>,
  apps: { get(appId: AppId): AppRecord | undefined },
): Promise<string> {
  const lines = gauges.map(() => [] as string[]);
  let looks = 0;
  for (const appId of [...book.apps()]) {
    if (++looks % ADDED_AT_ONCE === 0) await turn();
    const record = apps.get(appId);
    const tasks = book.now(appId);
    if (!record || tasks.length === 0) continue;
    for (const [index, { name, read }] of gauges.entries()) {
      const value = Math.round(read({ appId, tasks, record }) * 10_000) / 10_000;
      lines[index]?.push(`${name}{app="${appId}"} ${value}\n`);
    }
  }
  return gauges
    .map(({ name, help }, index) => {
      const body = lines[index]?.join('') ?? '';
      return body === '' ? '' : `# HELP ${name} ${help}\n# TYPE ${name} gauge\n${body}`;
    })
    .join('');
}
