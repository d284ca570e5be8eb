import { isTerminalState } from '../embedded-mesos/protocol/v1.js';
import type { Instance } from '../scheduler/instance.js';
import { isGood } from './expectations.js';
import { DISK_IS_FULL, type Fact, factsOf, type WantedApp } from './facts.js';
import type { FinalState } from './world-state.js';

/**
 * Judges what happened in a simulated world. Each checker is pure, knows one invariant, and answers with findings in words;
 * none means that it holds.
 */
export type Checker = (facts: readonly Fact[]) => readonly string[];

/** Nothing leaves before it is durable: no answer, no launch, no kill. */
export const checkPersistBeforeAct: Checker = (facts) => [
  ...factsOf(facts, 'acknowledged')
    .filter(({ durable }) => !durable)
    .map(({ request }) => `request ${request} was acknowledged before it was durable`),
  ...factsOf(facts, 'launch sent')
    .filter(({ durable }) => !durable)
    .map(({ taskId }) => `the launch of ${taskId} left before it was durable`),
  ...factsOf(facts, 'kill sent')
    .filter(({ durable }) => !durable)
    .map(({ taskId }) => `the kill of ${taskId} left before it was durable`),
];

/** The versions of deployments strictly increase, whatever the wall clock does and however often the server dies. */
export const checkVersions: Checker = (facts) => {
  const stored = new Set(factsOf(facts, 'deployment stored').map(({ id }) => id));
  let newest = '';
  return factsOf(facts, 'acknowledged').flatMap(({ request, version, deploymentId }) => {
    if (!stored.has(deploymentId)) return [];
    const before = newest;
    if (version > newest) newest = version;
    return version > before ? [] : [`request ${request} got version ${version} after ${before}`];
  });
};

/** I3: whenever an instance is added, no more are live, launching or leaving than the maximum capacity allows. */
export const checkMaximum: Checker = (facts) =>
  factsOf(facts, 'added')
    .filter(({ occupied, allowed }) => occupied > allowed)
    .map(
      ({ appId, occupied, allowed }) =>
        `${appId} had ${occupied} instances when one was added, ${allowed} are allowed`,
    );

const ownChoice: ReadonlySet<string> = new Set(['replaced by a new version', 'scale down', 'surplus']);

/** I4: a deployment takes out a good instance only when enough good ones stay. */
export const checkMinimum: Checker = (facts) =>
  factsOf(facts, 'taken out')
    .filter(({ reason, wasGood, goodLeft, needed }) => ownChoice.has(reason) && wasGood && goodLeft < needed)
    .map(
      ({ instanceId, goodLeft, needed }) =>
        `${instanceId} was taken out and left ${goodLeft} good ones, ${needed} are needed`,
    );

/** I5 and I6: a task id is started once, and ends once if at all. */
export const checkTasks: Checker = (facts) => {
  const starts = new Map<string, number>();
  const ends = new Map<string, number>();
  for (const { taskId, state } of factsOf(facts, 'task')) {
    const counter = state === 'TASK_STAGING' ? starts : isTerminalState(state) ? ends : undefined;
    counter?.set(taskId, (counter.get(taskId) ?? 0) + 1);
  }
  return [
    ...[...starts]
      .filter(([, count]) => count > 1)
      .map(([taskId, count]) => `${taskId} was started ${count} times`),
    ...[...ends].filter(([, count]) => count > 1).map(([taskId, count]) => `${taskId} ended ${count} times`),
    ...[...ends.keys()]
      .filter((taskId) => !starts.has(taskId))
      .map((taskId) => `${taskId} ended and was never started`),
  ];
};

/** I6, where no agent was away: an instance never has two live tasks at a time. */
export const checkOneTaskPerInstance: Checker = (facts) => {
  const live = new Map<string, Set<string>>();
  const found: string[] = [];
  for (const { instanceId, taskId, state } of factsOf(facts, 'task')) {
    const tasks = live.get(instanceId) ?? new Set();
    live.set(instanceId, tasks);
    if (isTerminalState(state)) tasks.delete(taskId);
    else tasks.add(taskId);
    if (tasks.size > 1) found.push(`${instanceId} has ${[...tasks].join(' and ')} at the same time`);
  }
  return found;
};

/** I7: the tasks of an agent fit it, and no two share a port. */
export const checkPlacement: Checker = (facts) =>
  factsOf(facts, 'placed').flatMap(({ agent, over, sharedPorts }) => [
    ...over.map((excess) => `${agent} is over-allocated: ${excess}`),
    ...sharedPorts.map((port) => `${agent} has two tasks on port ${port}`),
  ]);

/** I9: an offer is used at most once, and not after the scheduler heard that it is rescinded. */
export const checkOffers: Checker = (facts) => {
  const state = new Map<string, string>();
  const found: string[] = [];
  for (const { offerId, what } of factsOf(facts, 'offer')) {
    const before = state.get(offerId);
    state.set(offerId, what);
    if (what === 'offered' ? before !== undefined : what !== 'rescinded' && before !== 'offered') {
      found.push(`offer ${offerId} is ${what} after it was ${before ?? 'never offered'}`);
    }
  }
  return found;
};

/** I10: a task dies by our hand only when nobody sends it requests, and none is in flight or the drain limit passed. */
export const checkTakingOut: Checker = (facts) =>
  factsOf(facts, 'kill sent')
    .filter(({ immediate }) => !immediate)
    .flatMap(({ taskId, routedBy, inFlight, unroutedForMs, drainLimitMs }) => {
      if (routedBy.length > 0) return [`${taskId} is killed while ${routedBy.join(' and ')} routes to it`];
      const waitedLongEnough = unroutedForMs !== undefined && unroutedForMs >= drainLimitMs;
      return inFlight > 0 && !waitedLongEnough
        ? [`${taskId} is killed with ${inFlight} requests in flight`]
        : [];
    });

/** I11: the versions of the routing table only grow within one life of the server. */
export const checkTables: Checker = (facts) => {
  const last = new Map<string, number>();
  return factsOf(facts, 'table').flatMap(({ proxy, epoch, from, to }) => {
    const key = `${proxy} ${epoch}`;
    const before = last.get(key) ?? 0;
    last.set(key, to);
    return to < before || (from !== undefined && to <= from)
      ? [`${proxy} got table ${to} of epoch ${epoch} after ${before}`]
      : [];
  });
};

/** I12: steps never go back, every deployment ends, and says so at most once; exactly once when no server died. */
export const checkDeployments: Checker = (facts) => {
  const steps = new Map<string, number | undefined>();
  const ends = new Map<string, number>();
  const found: string[] = [];
  for (const { id, step } of factsOf(facts, 'deployment stored')) {
    const before = steps.get(id);
    if (steps.has(id) && before === undefined && step !== undefined)
      found.push(`deployment ${id} came back after its end`);
    if (before !== undefined && step !== undefined && step < before)
      found.push(`deployment ${id} went back from step ${before} to ${step}`);
    steps.set(id, step);
  }
  for (const { id } of factsOf(facts, 'deployment ended')) ends.set(id, (ends.get(id) ?? 0) + 1);
  const someServerDied = factsOf(facts, 'server').some(({ what }) => what === 'dies');
  for (const [id, step] of steps) {
    const count = ends.get(id) ?? 0;
    if (step !== undefined) found.push(`deployment ${id} is still stored at step ${step}`);
    if (count > 1 || (count === 0 && !someServerDied)) found.push(`deployment ${id} ended ${count} times`);
  }
  return found;
};

/** Nothing goes wrong inside: errors are logged only when the disk was full. */
export const checkNoErrors: Checker = (facts) =>
  factsOf(facts, 'fault').some(({ what }) => what === DISK_IS_FULL)
    ? []
    : factsOf(facts, 'error logged').map(
        ({ room, message, detail }) => `${room} logged: ${message} (${detail})`,
      );

/** No request met a server that was gone: taking out goes before killing. */
export const checkNoFailedRequests: Checker = (facts) =>
  factsOf(facts, 'request failed').map(({ taskId, why }) => `a request to ${taskId} failed: ${why}`);

/** What holds in every world, whatever goes wrong in it. */
export const always: readonly Checker[] = [
  checkPersistBeforeAct,
  checkVersions,
  checkMaximum,
  checkMinimum,
  checkTasks,
  checkPlacement,
  checkOffers,
  checkTakingOut,
  checkTables,
  checkDeployments,
  checkNoErrors,
];

/** I1: what was acknowledged last is what is wanted at the end; of two answers of one moment the newer version counts. */
export function checkAcknowledged(facts: readonly Fact[], { apps }: FinalState): readonly string[] {
  const last = new Map<
    string,
    { readonly atMs: number; readonly version: string; readonly wanted: WantedApp | undefined }
  >();
  for (const { atMs, version, wanted } of factsOf(facts, 'acknowledged')) {
    for (const [id, app] of Object.entries(wanted)) {
      const before = last.get(id);
      if (before?.atMs === atMs && version !== '' && version < before.version) continue;
      last.set(id, { atMs, version, wanted: app });
    }
  }
  const found: string[] = [];
  for (const [id, { wanted }] of last) {
    const app = apps.find((record) => record.app.id === id)?.app;
    if (app?.instances !== wanted?.instances || app?.cmd !== wanted?.cmd) {
      found.push(
        `${id} was acknowledged as ${JSON.stringify(wanted)} and is ${app ? `${app.instances} of ${app.cmd}` : 'gone'}`,
      );
    }
  }
  for (const { app } of apps)
    if (!last.has(app.id)) found.push(`${app.id} exists and was never acknowledged`);
  return found;
}

/** I2: what another server would load is what this one believes; mere repetitions of a verdict may wait. */
export function checkRebuilt({ apps, instances, deployments, rebuilt }: FinalState): readonly string[] {
  return [
    ...difference('apps', apps, rebuilt.apps, ({ app }) => app.id),
    ...difference('instances', instances.map(lasting), rebuilt.instances.map(lasting), ({ id }) => id),
    ...difference('deployments', deployments, rebuilt.deployments, ({ plan }) => plan.id),
  ];
}

/** The part of an instance that is durable at once. */
function lasting({ health, ...instance }: Instance): unknown & { readonly id: string } {
  if (!health) return instance;
  const { results: _results, ...verdict } = health;
  return { ...instance, health: verdict } as unknown & { readonly id: string };
}

function difference<T>(
  what: string,
  live: readonly T[],
  stored: readonly T[],
  idOf: (value: T) => string,
): readonly string[] {
  const text = (values: readonly T[]): Map<string, string> =>
    new Map(values.map((value) => [idOf(value), canonical(value)]));
  const [ours, theirs] = [text(live), text(stored)];
  return [...new Set([...ours.keys(), ...theirs.keys()])]
    .filter((id) => ours.get(id) !== theirs.get(id))
    .map(
      (id) =>
        `${what}: ${id} is ${ours.get(id) ?? 'unknown'} here and ${theirs.get(id) ?? 'unknown'} in the store`,
    );
}

/** JSON with its members in order, so that equal values have equal texts. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}

/** At rest: exactly the wanted instances, each good, of the wanted definition, and just their tasks live (I5, I6, I12). */
export function checkAtRest({ apps, instances, deployments, locked, live }: FinalState): readonly string[] {
  const found: string[] = [];
  const tasks = new Map(live.map((task) => [task.info.task_id.value, task]));
  for (const record of apps) {
    const { app, launchHash } = record;
    const own = instances.filter(({ appId }) => appId === app.id);
    if (own.length !== app.instances) found.push(`${app.id} wants ${app.instances} and has ${own.length}`);
    for (const instance of own) {
      const task = instance.task && tasks.get(instance.task.id);
      if (!isGood(instance, app)) found.push(`${instance.id} is not good: ${instance.condition}`);
      if (instance.launchHash !== launchHash) found.push(`${instance.id} is of another definition`);
      if (!task) found.push(`${instance.id} has no process`);
      else if (task.info.command?.value !== app.cmd)
        found.push(`${instance.id} really runs ${task.info.command?.value}`);
      if (instance.task) tasks.delete(instance.task.id);
    }
  }
  for (const taskId of tasks.keys()) found.push(`${taskId} lives and belongs to nobody`);
  for (const { appId, id } of instances)
    if (!apps.some(({ app }) => app.id === appId)) found.push(`${id} belongs to no app`);
  for (const { plan } of deployments) found.push(`deployment ${plan.id} has not ended`);
  for (const id of locked) found.push(`${id} is still locked`);
  return found;
}

/** Everything that must hold for a world that came to rest. `strict`: nothing but the server itself failed in it. */
export function judge(
  facts: readonly Fact[],
  state: FinalState,
  { strict }: { readonly strict: boolean },
): readonly string[] {
  const checkers = strict ? [...always, checkOneTaskPerInstance, checkNoFailedRequests] : always;
  return [
    ...checkers.flatMap((check) => check(facts)),
    ...checkAcknowledged(facts, state),
    ...checkRebuilt(state),
    ...checkAtRest(state),
  ];
}
