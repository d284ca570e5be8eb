import type { Schemas } from '../../api/contract/load-contract.js';
import { exitCodes } from './carry-out.js';
import { type CommandIo, paint, printable } from './command-io.js';
import { appPath, type RestClient } from './rest-client.js';
import { table } from './table.js';

type EndedTask = Schemas['EndedTask'];
type DeploymentRecord = Schemas['DeploymentRecord'];

const MIB = 1024 * 1024;

/** `history APP`: its tasks that are over and why, newest first; the last lines of the newest, or of all. */
export async function appHistory(
  client: RestClient,
  io: CommandIo,
  args: { readonly id: string; readonly tasks: number; readonly output: boolean; readonly json: boolean },
): Promise<number> {
  const page = await client.get<Schemas['TaskHistoryPage']>(
    `${appPath(args.id)}/history?limit=${args.tasks}`,
  );
  if (args.json) {
    io.out(JSON.stringify(page, undefined, 2));
    return exitCodes.ok;
  }
  if (page.tasks.length === 0) {
    io.out(`No task of ${args.id} has ended that is remembered.`);
    return exitCodes.ok;
  }
  const rows = page.tasks.map((task) => [
    task.endedAt,
    task.taskId,
    task.host,
    lifeOf(task),
    causeInWords(task),
    task.use?.peakMemoryBytes === undefined ? '-' : `${Math.ceil(task.use.peakMemoryBytes / MIB)} MiB`,
    task.use?.cpuSeconds === undefined ? '-' : `${task.use.cpuSeconds} s`,
  ]);
  io.out(table(['ENDED', 'TASK', 'HOST', 'LIVED', 'WHY', 'PEAK MEM', 'CPU'], rows));
  for (const task of args.output ? page.tasks : page.tasks.slice(0, 1)) showOutput(io, task);
  return exitCodes.ok;
}

/** Ends that only a process that ran can come to. */
const endsOfRunning: ReadonlySet<EndedTask['cause']['kind']> = new Set(['exit', 'signal', 'out-of-memory']);

/** A task may end before it was seen running; then it lived for less than it was known. */
export function lifeOf({
  stagedAt,
  startedAt,
  endedAt,
  cause,
}: Pick<EndedTask, 'stagedAt' | 'startedAt' | 'endedAt' | 'cause'>): string {
  const secondsSince = (time: string): number => (Date.parse(endedAt) - Date.parse(time)) / 1_000;
  if (startedAt !== undefined) return duration(secondsSince(startedAt));
  if (!endsOfRunning.has(cause.kind)) return 'never ran';
  return `< ${duration(Math.max(0.1, secondsSince(stagedAt)))}`;
}

function duration(seconds: number): string {
  if (seconds < 120) return `${Math.max(0, seconds).toFixed(1)} s`;
  return seconds < 7_200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3_600)} h`;
}

function causeInWords({ cause, message }: EndedTask): string {
  switch (cause.kind) {
    case 'out-of-memory':
      return `out of memory: used ${cause.maxUsedMiB ?? '?'} MiB of ${cause.limitMiB ?? '?'}`;
    case 'exit':
      return `exited with status ${cause.code}`;
    case 'signal':
      return `ended by signal ${cause.signal}`;
    case 'failed-health-check':
      return `failed its health checks${cause.lastAnswer ? `: ${cause.lastAnswer}` : ''}`;
    case 'killed':
      return [
        cause.reason,
        ...(cause.principal ? [`by ${cause.principal}`] : []),
        ...(cause.deploymentId ? [`deployment ${cause.deploymentId}`] : []),
      ].join(', ');
    case 'agent-lost':
      return 'its agent was lost';
    case 'launch-failed':
      return `could not be launched: ${message ?? ''}`;
    case 'other':
      return message ?? 'unknown';
  }
}

function showOutput(io: CommandIo, { taskId, output }: EndedTask): void {
  if (output === undefined) {
    io.out(`\nThe last lines of ${taskId} are still being fetched.`);
    return;
  }
  if ('problem' in output) {
    io.out(`\nThe last lines of ${taskId} are not known: ${printable(output.problem)}`);
    return;
  }
  for (const stream of ['stdout', 'stderr'] as const) {
    const { lines } = output[stream];
    if (lines.length === 0) continue;
    io.out(paint(io, 'bold', `\n${stream} of ${taskId}, the last ${lines.length} lines`));
    for (const line of lines) io.out(`  ${printable(line)}`);
  }
}

/** `deployment list`: those that run, then those that are over, newest first. */
export async function deploymentList(
  client: RestClient,
  io: CommandIo,
  { state, limit, json }: { readonly state: string; readonly limit: number; readonly json: boolean },
): Promise<number> {
  const page = await client.get<Schemas['DeploymentPage']>(
    `/v2/deployments?state=${encodeURIComponent(state)}&limit=${limit}`,
  );
  if (json) {
    io.out(JSON.stringify(page, undefined, 2));
    return exitCodes.ok;
  }
  const rows = page.deployments.map((each) => [
    each.id,
    each.startedAt,
    duration(each.durationSeconds),
    each.by?.principal ?? '-',
    resultOf(each),
    appsOf(each),
    each.why ?? '',
  ]);
  io.out(
    rows.length > 0
      ? table(['DEPLOYMENT', 'STARTED', 'TOOK', 'BY', 'RESULT', 'APPS', 'WHY'], rows)
      : 'No deployment is remembered.',
  );
  return exitCodes.ok;
}

function resultOf({ state, result }: DeploymentRecord): string {
  return state === 'running' ? 'running' : (result ?? 'finished');
}

function appsOf({ affectedApps, affectedAppCount }: DeploymentRecord): string {
  const shown = affectedApps.slice(0, 3);
  const more = affectedAppCount - shown.length;
  return shown.join(' ') + (more > 0 ? ` and ${more} more` : '');
}

/** `deployment show ID`. */
export async function deploymentShow(
  client: RestClient,
  io: CommandIo,
  { id, json }: { readonly id: string; readonly json: boolean },
): Promise<number> {
  const record = await client.get<DeploymentRecord>(`/v2/deployments/${encodeURIComponent(id)}`);
  if (json) {
    io.out(JSON.stringify(record, undefined, 2));
    return exitCodes.ok;
  }
  io.out(paint(io, 'bold', record.id));
  const facts: readonly (readonly [string, string])[] = [
    ['result', [resultOf(record), ...(record.why ? [record.why] : [])].join(': ')],
    ['started', `${record.startedAt}${record.by ? ` by ${record.by.principal}` : ''}`],
    ['took', duration(record.durationSeconds)],
    ['apps', appsOf(record)],
    ['step', `${record.lastStep} of ${record.steps.length}`],
  ];
  for (const [name, value] of facts) io.out(`  ${name.padEnd(10)} ${printable(value)}`);
  const rows = record.waits.map(({ instance, phase, from, until, reason }) => [
    instance,
    phase,
    from,
    until === undefined ? 'not over' : duration((Date.parse(until) - Date.parse(from)) / 1_000),
    reason ?? '',
  ]);
  if (rows.length > 0) io.out(`\n${table(['INSTANCE', 'WAITED FOR', 'FROM', 'HOW LONG', 'BECAUSE'], rows)}`);
  if (record.untoldWaits > 0) io.out(`and ${record.untoldWaits} more waits`);
  for (const { app, reason } of record.waiting ?? [])
    io.out(paint(io, 'yellow', `  ${app}: ${printable(reason)}`));
  return exitCodes.ok;
}
