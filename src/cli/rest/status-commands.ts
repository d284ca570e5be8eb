import type { Schemas } from '../../api/contract/load-contract.js';
import { exitCodes } from './carry-out.js';
import { type CommandIo, paint, printable } from './command-io.js';
import { placementLines } from './dry-run.js';
import { appPath, type RestClient } from './rest-client.js';
import { table } from './table.js';

/** `status`: the whole picture on one screen. */
export async function status(
  client: RestClient,
  io: CommandIo,
  { json }: { readonly json: boolean },
): Promise<number> {
  const [info, { apps }, { tasks }, deployments, { queue }] = await Promise.all([
    client.get<Schemas['Info']>('/v2/info'),
    client.get<{ readonly apps: readonly Schemas['AppInfo'][] }>('/v2/apps'),
    client.get<{ readonly tasks: readonly Schemas['Task'][] }>('/v2/tasks'),
    client.get<readonly Schemas['DeploymentStepInfo'][]>('/v2/deployments'),
    client.get<{ readonly queue: readonly Schemas['QueueItem'][] }>('/v2/queue'),
  ]);
  const total = { wanted: 0, running: 0, healthy: 0, unhealthy: 0, unchecked: 0 };
  for (const app of apps) {
    const running = app.tasksRunning ?? 0;
    total.wanted += app.instances;
    total.running += running;
    if (!app.healthChecks?.length) total.unchecked += running;
    total.healthy += app.tasksHealthy ?? 0;
    total.unhealthy += app.tasksUnhealthy ?? 0;
  }
  const hosts = [...new Set(tasks.map(({ host }) => host))].sort();
  if (json) {
    io.out(
      JSON.stringify(
        { info, apps: apps.length, instances: total, hosts, deployments, waiting: queue.length },
        undefined,
        2,
      ),
    );
    return exitCodes.ok;
  }
  io.out(`${info.name} ${info.version} at ${client.url}`);
  io.out(`  apps         ${apps.length}`);
  io.out(
    `  instances    ${total.running} running of ${total.wanted} wanted: ${total.healthy} healthy, ${total.unhealthy} unhealthy, ${total.unchecked} without a health check`,
  );
  io.out(`  hosts        ${hosts.length === 0 ? 'none in use' : printable(hosts.join(', '))}`);
  io.out(`  deployments  ${deployments.length}`);
  if (deployments.length > 0) {
    const rows = deployments.map((deployment) => [
      deployment.id.slice(0, 8),
      deployment.affectedApps.join(' '),
      `${deployment.currentStep}/${deployment.totalSteps}`,
      deployment.overdue ? 'overdue' : 'running',
      deployment.waiting?.[0]?.reason ?? '',
    ]);
    io.out(`\n${table(['DEPLOYMENT', 'APPS', 'STEP', 'STATE', 'WAITS FOR'], rows)}`);
  }
  if (queue.length > 0) {
    const rows = queue.map((item) => [
      item.app.id,
      item.count,
      item.delay.overdue ? 'an offer' : `${item.delay.timeLeftSeconds} s after failures`,
    ]);
    io.out(`\n${table(['WAITING APP', 'INSTANCES', 'FOR'], rows)}\n\n\`longrun why APP\` says more.`);
  }
  return exitCodes.ok;
}

/** `why ID`: what keeps an app from being as wanted, in the order in which one would look. */
export async function why(
  client: RestClient,
  io: CommandIo,
  { id, json }: { readonly id: string; readonly json: boolean },
): Promise<number> {
  const [{ app }, { queue }] = await Promise.all([
    client.get<{ readonly app: Schemas['AppInfo'] }>(appPath(id)),
    client.get<{ readonly queue: readonly Schemas['QueueItem'][] }>(
      `/v2/queue?embed=placement&id=${encodeURIComponent(`/${id.replace(/^\/+/, '')}`)}`,
    ),
  ]);
  const item = queue.find((entry) => entry.app.id === app.id);
  const unhealthy = (app.tasks ?? []).filter((task) =>
    task.healthCheckResults.some((result) => !result.alive),
  );
  if (json) {
    io.out(
      JSON.stringify(
        {
          id: app.id,
          waiting: app.waiting ?? [],
          notServed: app.notServed ?? [],
          lastTaskFailure: app.lastTaskFailure,
          queue: item,
          unhealthy,
        },
        undefined,
        2,
      ),
    );
    return exitCodes.ok;
  }
  const running = app.tasksRunning ?? 0;
  io.out(`${paint(io, 'bold', app.id)}: ${running} running of ${app.instances} wanted`);
  let reasons = 0;
  const say = (text: string): void => {
    reasons++;
    io.out(`  - ${printable(text)}`);
  };
  for (const text of waitingTexts(app.waiting ?? [])) say(text);
  if (item) sayQueue(item, say);
  if (item?.placement) for (const line of placementLines(io, item.placement)) io.out(line);
  for (const task of unhealthy) {
    const cause = task.healthCheckResults.find((result) => !result.alive)?.lastFailureCause;
    say(`${task.id} is unhealthy${cause === undefined ? '' : `: ${cause}`}`);
  }
  for (const { servicePort, reason } of app.notServed ?? [])
    say(`service port ${servicePort} is not served: ${reason}`);
  const failure = app.lastTaskFailure;
  if (failure && (running < app.instances || reasons > 0)) {
    say(
      `the last task that failed (${failure.timestamp}, ${failure.host}, ${failure.state}) said: ${failure.message}`,
    );
    io.out(`    its output: longrun logs ${failure.taskId}`);
  }
  if (reasons === 0)
    io.out(
      running >= app.instances
        ? '  Everything is as wanted.'
        : '  Nothing is known to be in the way; look again in a moment.',
    );
  return exitCodes.ok;
}

/** One text per reason, with the instances that it holds for: one by name, more by number. */
function waitingTexts(waiting: NonNullable<Schemas['AppInfo']['waiting']>): readonly string[] {
  const byReason = new Map<string, string[]>();
  for (const { instanceId, reason } of waiting) {
    const instances = byReason.get(reason) ?? [];
    if (instanceId !== undefined) instances.push(instanceId);
    byReason.set(reason, instances);
  }
  return [...byReason]
    .filter(([reason, instances]) => instances.length > 0 || !heldBySome(reason, byReason))
    .map(([reason, instances]) => {
      if (instances.length === 0) return reason;
      return `${instances.length === 1 ? instances[0] : `each of ${instances.length} instances`}: ${reason}`;
    });
}

/** Whether an instance's reason says this one too, with more around it. */
function heldBySome(reason: string, byReason: ReadonlyMap<string, readonly string[]>): boolean {
  return [...byReason].some(
    ([other, instances]) => instances.length > 0 && other !== reason && other.includes(reason),
  );
}

function sayQueue(item: Schemas['QueueItem'], say: (text: string) => void): void {
  const { processedOffersSummary: summary, delay, count } = item;
  if (!delay.overdue)
    say(`${count} wait ${delay.timeLeftSeconds} s more because earlier ones failed (backoff)`);
  if (summary.processedOffersCount === 0) {
    if (delay.overdue) say(`${count} wait for a first offer: is an agent connected?`);
    return;
  }
  const refused = summary.rejectSummaryLaunchAttempt.filter(({ declined }) => declined > 0);
  for (const { reason, declined, processed } of refused)
    say(`${declined} of ${processed} offers refused: ${words(reason)}`);
}

const reasonWords: Readonly<Record<string, string>> = {
  UnfulfilledRole: 'they are for other roles',
  UnfulfilledConstraint: 'they do not meet a constraint',
  NoCorrespondingReservationFound: 'they hold no reservation of this app',
  AgentMaintenance: 'the agent is in maintenance',
  InsufficientCpus: 'too few cpus',
  InsufficientMemory: 'too little memory',
  InsufficientDisk: 'too little disk',
  InsufficientGpus: 'too few gpus',
  InsufficientPorts: 'the ports are not free',
  DeclinedScarceResources: 'kept for apps that need their gpus',
};

function words(reason: string): string {
  return `${reasonWords[reason] ?? 'see the docs'} (${reason})`;
}
