import type { Schemas } from '../../api/contract/load-contract.js';
import { exitCodes } from './carry-out.js';
import { type CommandIo, paint, printableOutput } from './command-io.js';
import { LogFollower } from './log-follower.js';
import { pause } from './pause.js';
import { appPath, type RestClient, RestError } from './rest-client.js';

export interface LogsArguments {
  /** A task id or an app id. */
  readonly target: string;
  readonly follow: boolean;
  readonly lines: number;
  readonly streams: readonly ('stdout' | 'stderr')[];
  /** One JSON object per line: `{"task", "stream", "line"}`. */
  readonly json?: boolean;
  /** Between two looks; tests hurry. */
  readonly pollMs?: number;
}

const isTaskId = (target: string): boolean => /\.(instance|marathon)-/.test(target);

interface Source {
  readonly follower: LogFollower;
  readonly taskId: string;
  readonly stream: 'stdout' | 'stderr';
  readonly label: string;
  /** The begun line that waits for its end, so that lines of several tasks never mix. */
  rest: string;
  began: boolean;
}

/** `logs [-f] TASK|APP`: the output of a task, or of all tasks of an app, new ones included while following. */
export async function logs(client: RestClient, io: CommandIo, args: LogsArguments): Promise<number> {
  const sources = new Map<string, Source>();
  await addSources(client, args, sources);
  if (sources.size === 0) {
    throw new RestError(
      `${args.target} has no task`,
      `\`longrun why ${args.target}\` says what it waits for.`,
      404,
    );
  }
  for (;;) {
    const form = formOf(args, sources);
    for (const source of sources.values()) await show(io, source, args, form);
    if (!args.follow || io.interrupted.aborted) break;
    await pause(args.pollMs ?? 500, [io.interrupted]);
    if (io.interrupted.aborted) break;
    if (!isTaskId(args.target)) await addSources(client, args, sources);
  }
  for (const source of sources.values())
    if (source.rest) print(io, source, [source.rest], formOf(args, sources));
  return exitCodes.ok;
}

type Form = 'plain' | 'labelled' | 'json';

function formOf({ json, streams }: LogsArguments, sources: ReadonlyMap<string, Source>): Form {
  if (json) return 'json';
  return sources.size > streams.length ? 'labelled' : 'plain';
}

async function addSources(
  client: RestClient,
  args: LogsArguments,
  sources: Map<string, Source>,
): Promise<void> {
  for (const taskId of await tasksOf(client, args.target)) {
    for (const stream of args.streams) {
      const key = `${taskId} ${stream}`;
      if (sources.has(key)) continue;
      const label = `${taskId.replace(/^.*\.instance-([^-.]+).*?(\.\d+)?$/, '$1$2')}${stream === 'stderr' ? ' err' : ''}`;
      const follower = new LogFollower(client, taskId, stream);
      sources.set(key, { follower, taskId, stream, label, rest: '', began: false });
    }
  }
}

async function tasksOf(client: RestClient, target: string): Promise<readonly string[]> {
  if (isTaskId(target)) return [target];
  const { tasks } = await client.get<{ readonly tasks: readonly Schemas['Task'][] }>(
    `${appPath(target)}/tasks`,
  );
  return tasks.map(({ id }) => id);
}

async function show(io: CommandIo, source: Source, args: LogsArguments, form: Form): Promise<void> {
  let text: string;
  try {
    text = source.began ? await source.follower.more() : await source.follower.tail(args.lines);
  } catch (error) {
    // While following, a task may end and its agent be away for a moment; without, that is the answer.
    if (args.follow && error instanceof RestError && (error.status === 404 || error.status >= 500)) return;
    throw error;
  }
  source.began = true;
  const lines = (source.rest + text).split('\n');
  source.rest = lines.pop() ?? '';
  if (lines.length > 0) print(io, source, lines, form);
}

function print(io: CommandIo, source: Source, lines: readonly string[], form: Form): void {
  if (form === 'json') {
    const { taskId: task, stream } = source;
    io.raw(lines.map((line) => `${JSON.stringify({ task, stream, line })}\n`).join(''));
    return;
  }
  const label = form === 'labelled' ? `${paint(io, 'dim', source.label)}  ` : '';
  io.raw(lines.map((line) => `${label}${io.terminal ? printableOutput(line) : line}\n`).join(''));
}
