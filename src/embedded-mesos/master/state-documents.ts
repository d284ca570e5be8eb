import { Resources } from '../protocol/resources.js';
import type { FrameworkRecord, MasterTask } from './cluster.js';
import type { Master } from './master.js';
import { addressOf } from './offer-book.js';
import {
  agentFullJson,
  agentJson,
  countsJson,
  type FrameworkSums,
  frameworkJson,
  frameworkSummary,
  resourceSummary,
  taskJson,
} from './state-json.js';

/** Things rendered before the loop gets a turn: ten thousand tasks are some 10 MB of JSON. */
const ITEMS_PER_PIECE = 100;

/** `/state` in pieces (Mesos reference 3.6). */
export function* statePieces(master: Master): Generator<string> {
  const { info, cluster } = master;
  const head = {
    version: info.version,
    start_time: master.startedAtMs / 1000,
    elected_time: master.startedAtMs / 1000,
    id: master.id,
    pid: info.pid,
    hostname: info.hostname,
    capabilities: [],
    activated_slaves: countLinks(master, true),
    deactivated_slaves: countLinks(master, false),
    unreachable_slaves: cluster.unreachable.size,
    leader: info.pid,
    leader_info: { id: master.id, pid: info.pid, port: info.port, hostname: info.hostname },
    flags: {},
  };
  yield JSON.stringify(head).slice(0, -1);
  yield* slavesPieces(master, ',');
  yield ',"frameworks":[';
  yield* joined(cluster.frameworks.values(), (framework) => frameworkPieces(master, framework));
  yield '],"completed_frameworks":[';
  yield* joined(cluster.completedFrameworks, (framework) => frameworkPieces(master, framework));
  yield '],"orphan_tasks":[],"unregistered_frameworks":[]}';
}

/** `/slaves` in pieces. */
export function* slavesDocument(master: Master): Generator<string> {
  yield '{';
  yield* slavesPieces(master, '');
  yield '}';
}

function* slavesPieces(master: Master, comma: string): Generator<string> {
  yield `${comma}"slaves":[`;
  const registered = filtered(master.cluster.agents.values(), ({ link }) => link !== 'recovered');
  yield* list(registered, (agent) => agentFullJson(agent, addressOf(agent)));
  yield '],"recovered_slaves":[';
  const recovered = filtered(master.cluster.agents.values(), ({ link }) => link === 'recovered');
  yield* list(recovered, ({ id, info }) => ({ ...info, id: { value: id } }));
  yield ']';
}

/** `/state-summary` in pieces. */
export function* summaryPieces(master: Master): Generator<string> {
  const { cluster } = master;
  yield `{"hostname":${JSON.stringify(master.info.hostname)},"slaves":[`;
  yield* list(cluster.agents.values(), (agent) => ({
    ...agentJson(agent, addressOf(agent)),
    ...countsJson(agent.counts),
    framework_ids: [...new Set([...agent.tasks.values()].map(({ frameworkId }) => frameworkId))],
  }));
  yield '],"frameworks":[';
  yield* list(cluster.frameworks.values(), (framework) => ({
    ...frameworkSummary(framework, sums(master, framework)),
    ...countsJson(framework.counts, framework.unreachableTasks.size),
    slave_ids: [...new Set([...framework.tasks.values()].map(({ agentId }) => agentId))],
  }));
  yield ']}';
}

/** `/tasks` in pieces: running, completed and unreachable tasks of all frameworks. */
export function* tasksPieces(master: Master): Generator<string> {
  yield '{"tasks":[';
  yield* list(allTasks(master), taskJson);
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

function* frameworkPieces(master: Master, framework: FrameworkRecord): Generator<string> {
  yield `${JSON.stringify(frameworkJson(framework, sums(master, framework))).slice(0, -1)},"tasks":[`;
  yield* list(framework.tasks.values(), taskJson);
  yield '],"unreachable_tasks":[';
  yield* list(framework.unreachableTasks.values(), taskJson);
  yield '],"completed_tasks":[';
  yield* list(framework.completedTasks, taskJson);
  yield '],"offers":[';
  yield* list(master.offersOf(framework), ({ id, role, agentId, resources }) => ({
    id,
    framework_id: framework.id,
    allocation_info: { role },
    slave_id: agentId,
    resources: resourceSummary(resources),
  }));
  yield '],"executors":[]}';
}

function sums(master: Master, framework: FrameworkRecord): FrameworkSums {
  let used = Resources.none;
  for (const task of framework.tasks.values()) if (task.holdsResources) used = used.plus(task.resources);
  let offered = Resources.none;
  for (const { resources } of master.offersOf(framework)) offered = offered.plus(resources);
  return { used, offered };
}

function countLinks(master: Master, connected: boolean): number {
  let count = 0;
  for (const { link } of master.cluster.agents.values())
    if (link !== 'recovered' && (link === 'connected') === connected) count++;
  return count;
}

function* list<T>(items: Iterable<T>, render: (item: T) => unknown): Generator<string> {
  let piece: string[] = [];
  let first = true;
  for (const item of items) {
    piece.push(JSON.stringify(render(item)));
    if (piece.length < ITEMS_PER_PIECE) continue;
    yield `${first ? '' : ','}${piece.join(',')}`;
    first = false;
    piece = [];
  }
  if (piece.length > 0) yield `${first ? '' : ','}${piece.join(',')}`;
}

function* joined<T>(items: Iterable<T>, render: (item: T) => Iterable<string>): Generator<string> {
  let first = true;
  for (const item of items) {
    if (!first) yield ',';
    first = false;
    yield* render(item);
  }
}

function* filtered<T>(items: Iterable<T>, keep: (item: T) => boolean): Generator<T> {
  for (const item of items) if (keep(item)) yield item;
}
