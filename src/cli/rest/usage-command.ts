import type { Schemas } from '../../api/contract/load-contract.js';
import { exitCodes } from './carry-out.js';
import { type CommandIo, paint, printable } from './command-io.js';
import { appPath, type RestClient } from './rest-client.js';
import { sparkline } from './sparkline.js';
import { table } from './table.js';

type AppUsage = Schemas['AppUsage'];

const SPARK_WIDTH = 60;

/** `usage APP`: what it uses beside what it asks for, over time as a line of bars on a terminal, and what it had better ask for. */
export async function appUsage(
  client: RestClient,
  io: CommandIo,
  args: { readonly id: string; readonly resolution: string; readonly json: boolean },
): Promise<number> {
  const usage = await client.get<AppUsage>(
    `${appPath(args.id)}/usage?resolution=${encodeURIComponent(args.resolution)}`,
  );
  if (args.json) {
    io.out(JSON.stringify(usage, undefined, 2));
    return exitCodes.ok;
  }
  io.out(paint(io, 'bold', printable(usage.id)));
  if (usage.points.length === 0) {
    io.out('Nothing is known of its use yet: agents tell of it every 10 s.');
    return exitCodes.ok;
  }
  showTotals(io, usage);
  if (usage.now.tasks.length > 0) io.out(`\n${taskTable(usage)}`);
  const { verdict, text, patch } = usage.rightSize;
  io.out(
    `\n${paint(io, verdict === 'too-little' ? 'yellow' : 'bold', `Size: ${verdict}.`)} ${printable(text)}`,
  );
  if (patch) io.out(`  ${patch.method} ${printable(patch.path)} ${JSON.stringify(patch.body)}`);
  return exitCodes.ok;
}

function showTotals(
  io: CommandIo,
  { points, now, requested, resolution, resolutionSeconds }: AppUsage,
): void {
  const rows = [
    [
      'cpus',
      now.cpus,
      requested.cpus * now.instances,
      highest(points, ({ cpus }) => cpus),
      highest(points, ({ peakCpus }) => peakCpus),
    ],
    [
      'mem MiB',
      now.memMiB,
      requested.memMiB * now.instances,
      highest(points, ({ memMiB }) => memMiB),
      highest(points, ({ peakMemMiB }) => peakMemMiB),
    ],
  ];
  io.out(table(['', 'NOW', 'REQUESTED', 'HIGHEST', 'HIGHEST OF ONE'], rows));
  const throttled = highest(points, (point) => point.throttled);
  if (throttled > 0) io.out(`Held back by its quota up to ${Math.round(throttled * 100)} % of the time.`);
  if (!io.terminal) return;
  const [cpus, memory] = [
    slotted(points, resolutionSeconds, ({ cpus }) => cpus),
    slotted(points, resolutionSeconds, ({ memMiB }) => memMiB),
  ];
  const top = (values: readonly (number | undefined)[]): number =>
    Math.max(0, ...values.map((value) => value ?? 0));
  const since = points[0]?.at ?? '';
  io.out(`\n${paint(io, 'dim', `since ${since}, ${resolution} each; the highest bar is the highest value`)}`);
  io.out(`cpus  ${sparkline(cpus, top(cpus), SPARK_WIDTH)}`);
  io.out(`mem   ${sparkline(memory, top(memory), SPARK_WIDTH)}`);
}

type Point = AppUsage['points'][number];

function highest(points: readonly Point[], read: (point: Point) => number): number {
  return points.reduce((most, point) => Math.max(most, read(point)), 0);
}

/** One value per slot, also for those without a point. */
function slotted(
  points: readonly Point[],
  seconds: number,
  read: (point: Point) => number,
): readonly (number | undefined)[] {
  const beginMs = Date.parse(points[0]?.at ?? '');
  const values: (number | undefined)[] = [];
  for (const point of points) {
    const slot = Math.round((Date.parse(point.at) - beginMs) / (seconds * 1_000));
    while (values.length < slot) values.push(undefined);
    values.push(read(point));
  }
  return values;
}

function taskTable({ now }: AppUsage): string {
  const known = (value: number | undefined): string | number => value ?? '-';
  const rows = now.tasks.map((task) => [
    task.taskId,
    task.host ?? '-',
    task.cpus,
    task.memMiB,
    known(task.peakMiB),
    known(task.limitMiB),
    known(task.threads),
    known(task.diskMiB),
  ]);
  return table(['TASK', 'HOST', 'CPUS', 'MEM MiB', 'PEAK', 'LIMIT', 'THREADS', 'DISK MiB'], rows);
}
