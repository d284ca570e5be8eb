import type { AppId, AppRecord } from '../../apps/app.js';
import { standingConflicts } from '../../apps/decide/route-conflicts.js';
import { routingWarnings } from '../../apps/decide/routing-warnings.js';
import type { ApiContext, SilentAgent } from '../api-context.js';
import type { AppEmbed } from '../decide/app-embeds.js';
import { portCertificateWarnings } from '../decide/warnings.js';
import { knownCertificates, takesRawLabels } from '../warnings.js';
import { hasVisibleTask, presentTask } from './task.js';
import { presentTaskStats } from './task-stats.js';

/** Why an app (or one of its instances) is not yet as wanted; longrun's addition to AppInfo. */
export interface WaitingFor {
  readonly instanceId?: string;
  readonly reason: string;
}

type InfoContext = Pick<
  ApiContext,
  | 'fragments'
  | 'scheduler'
  | 'deployments'
  | 'notServed'
  | 'servedInPart'
  | 'clock'
  | 'silentAgents'
  | 'registry'
  | 'certificates'
  | 'settings'
>;

/** Most reasons that one app shows. */
const MAX_WAITING = 100;

/**
 * Why an app is not as wanted, the cause first: agents that nothing is heard of, what running deployments wait for in this
 * app, and what the launch queue says when none of them covers it.
 */
export function waitingFor(context: InfoContext, appId: AppId): readonly WaitingFor[] {
  const waiting: WaitingFor[] = silentReasons(context, appId);
  for (const deploymentId of context.deployments.affecting(appId)) {
    for (const item of context.deployments.waiting(deploymentId)) {
      if (item.app !== appId || waiting.length >= MAX_WAITING) continue;
      waiting.push(
        item.instance === undefined
          ? { reason: item.reason }
          : { instanceId: item.instance, reason: item.reason },
      );
    }
  }
  const entry = context.scheduler.queueEntry(appId);
  if (entry === undefined || entry.count === 0) return waiting;
  const now = context.clock.wallMs();
  if (entry.backoffUntil !== undefined && Date.parse(entry.backoffUntil) > now) {
    waiting.push({
      reason: `${entry.count} wait until ${entry.backoffUntil} after failures (DELETE /v2/queue${appId}/delay ends the wait)`,
    });
  }
  for (const refusal of entry.lastRefusals.slice(0, Math.max(0, MAX_WAITING - waiting.length))) {
    waiting.push({
      reason: `${refusal.hostname}: ${refusal.explanation.join('; ') || refusal.reasons.join(', ')}`,
    });
  }
  return waiting;
}

/** What the app asks of the load balancer and does not get. */
export function appWarnings(
  context: Pick<ApiContext, 'registry' | 'certificates' | 'settings' | 'servedInPart'>,
  record: AppRecord,
): readonly string[] {
  const known = knownCertificates(context);
  const own = [
    ...routingWarnings(record.app, takesRawLabels(context.settings)).map(({ text }) => text),
    ...(context.servedInPart?.(record.app.id) ?? []),
    ...(known ? portCertificateWarnings(record.app, known) : []),
  ];
  const { routeClaims } = context.registry;
  return routeClaims ? [...own, ...standingConflicts(record, routeClaims)] : own;
}

/** Of its instances on silent agents, and of silent agents that might take what waits. */
function silentReasons({ silentAgents, scheduler }: InfoContext, appId: AppId): WaitingFor[] {
  const silent = new Map([...(silentAgents?.() ?? [])].map((agent) => [agent.agentId, agent]));
  if (silent.size === 0) return [];
  const reasons: WaitingFor[] = [];
  for (const { id, task } of scheduler.instances.ofApp(appId)) {
    const agent = task && silent.get(task.agentId);
    if (!agent || reasons.length === MAX_WAITING) continue;
    reasons.push({
      instanceId: id,
      reason: `${silence(agent)}; the task may run on, and is not replaced yet`,
    });
  }
  if (reasons.length > 0 || !scheduler.queueEntry(appId)?.count) return reasons;
  const [first] = silent.values();
  if (!first) return [];
  const others = silent.size > 1 ? ` (and ${silent.size - 1} more)` : '';
  return [{ reason: `${silence(first)}${others}; it offers nothing until it is back` }];
}

const silence = ({ hostname, silentMs }: SilentAgent): string =>
  `nothing has been heard of the agent on ${hostname} for ${Math.round(silentMs / 1_000)} s`;

/**
 * The AppInfo of one app as pieces of JSON text, so that an app with ten thousand tasks is written in slices. The
 * app's own fields come from the fragment cache; what is embedded is read as it is now.
 */
export function* appInfoPieces(
  context: InfoContext,
  record: AppRecord,
  embeds: ReadonlySet<AppEmbed>,
  withWaiting = false,
): Generator<string> {
  const { id } = record.app;
  const { scheduler, deployments } = context;
  let text = context.fragments.open(record);
  if (embeds.has('counts')) {
    const counts = scheduler.instances.counts(id);
    text += `,"tasksStaged":${counts.staged},"tasksRunning":${counts.running},"tasksHealthy":${counts.healthy},"tasksUnhealthy":${counts.unhealthy}`;
  }
  if (embeds.has('deployments'))
    text += `,"deployments":${JSON.stringify(deployments.affecting(id).map((uuid) => ({ id: uuid })))}`;
  if (embeds.has('readiness'))
    text += `,"readinessCheckResults":${JSON.stringify(deployments.readinessResults(id))}`;
  if (embeds.has('lastTaskFailure')) {
    const failure = scheduler.lastTaskFailure(id);
    if (failure) text += `,"lastTaskFailure":${JSON.stringify(failure)}`;
  }
  if (embeds.has('taskStats')) {
    const stats = JSON.stringify(
      presentTaskStats(record, scheduler.instances.ofApp(id), context.clock.wallMs()),
    );
    text += `,"tasksStats":${stats},"taskStats":${stats}`;
  }
  const notServed = context.notServed(id);
  if (notServed.length > 0) text += `,"notServed":${JSON.stringify(notServed)}`;
  const warnings = appWarnings(context, record);
  if (warnings.length > 0) text += `,"warnings":${JSON.stringify(warnings)}`;
  if (withWaiting) {
    const waiting = waitingFor(context, id);
    if (waiting.length > 0) text += `,"waiting":${JSON.stringify(waiting)}`;
  }
  yield text;
  if (embeds.has('tasks')) {
    yield ',"tasks":[';
    let separator = '';
    for (const instance of scheduler.instances.ofApp(id)) {
      if (!hasVisibleTask(instance)) continue;
      yield separator + JSON.stringify(presentTask(instance));
      separator = ',';
    }
    yield ']';
  }
  yield '}';
}
