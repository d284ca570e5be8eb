import { exitCodes } from './carry-out.js';
import { type Colour, type CommandIo, paint, printableOutput } from './command-io.js';
import { LogFollower } from './log-follower.js';
import { pause } from './pause.js';
import { type RestClient, RestError } from './rest-client.js';
import { isTaskId, tasksOf as tasksOfApp } from './task-target.js';

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

/** One per task, in turn. */
const colours: readonly Colour[] = ['cyan', 'yellow', 'magenta', 'green', 'blue'];

interface Source {
  readonly follower: LogFollower;
  readonly taskId: string;
  readonly stream: 'stdout' | 'stderr';
  readonly label: string;
  readonly colour: Colour;
  /** The begun line that waits for its end, so that lines of several tasks never mix. */
  rest: string;
  began: boolean;
}

/** `logs [-f] TASK|APP`: the output of a task, or of all tasks of an app, new ones included while following. */
export async function logs(client: RestClient, io: CommandIo, args: LogsArguments): Promise<number> {
  const sources = new Map<string, Source>();
  await addSources(client, io, args, sources);
  if (sources.size === 0) {
    throw new RestError(
      `${args.target} has no task`,
      `\`longrun why ${args.target}\` says what it waits for, \`longrun history ${args.target}\` what its last tasks wrote.`,
      404,
    );
  }
  for (;;) {
    const form = formOf(args, sources);
    for (const source of sources.values()) await show(io, source, args, form);
    if (!args.follow || io.interrupted.aborted) break;
    await pause(args.pollMs ?? 500, [io.interrupted]);
    if (io.interrupted.aborted) break;
    if (!isTaskId(args.target)) await addSources(client, io, args, sources);
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
  io: CommandIo,
  args: LogsArguments,
  sources: Map<string, Source>,
): Promise<void> {
  const known = new Set([...sources.values()].map(({ taskId }) => taskId));
  const following = known.size > 0;
  for (const { id: taskId, version } of await tasksOf(client, args.target)) {
    if (known.has(taskId)) continue;
    const colour = colours[known.size % colours.length] ?? 'dim';
    known.add(taskId);
    const name = labelOf(taskId);
    // Who reads along learns what the new name stands for; a program has it in every line.
    if (following && args.json !== true)
      io.err(paint(io, 'dim', `${name} has begun${version === undefined ? '' : `, of version ${version}`}`));
    for (const stream of args.streams) {
      const follower = new LogFollower(client, taskId, stream);
      const label = `${name}${stream === 'stderr' ? ' err' : ''}`;
      sources.set(`${taskId} ${stream}`, { follower, taskId, stream, label, colour, rest: '', began: false });
    }
  }
}

/** Enough of a task's id to tell it from its fellows: the begin of its instance's, and which launch it is. */
function labelOf(taskId: string): string {
  return taskId.replace(/^.*\.instance-([^-.]+).*?(\.\d+)?$/, '$1$2');
}

async function tasksOf(
  client: RestClient,
  target: string,
): Promise<readonly { readonly id: string; readonly version?: string }[]> {
  return isTaskId(target) ? [{ id: target }] : tasksOfApp(client, target);
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
  const label = form === 'labelled' ? `${paint(io, source.colour, source.label)}  ` : '';
  io.raw(lines.map((line) => `${label}${io.terminal ? printableOutput(line) : line}\n`).join(''));
}
