import type { AgentRecord, FrameworkRecord } from './cluster.js';
import type { Master } from './master.js';
import { addressOf } from './offer-book.js';
import { ResourceSum } from './resource-sum.js';
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
/** Tasks summed up before the loop gets a turn. */
const TASKS_PER_SUM = 500;

/** `/state` in pieces (Mesos reference 3.6). */
export function* statePieces(master: Master): Generator<string> {
  const { info, cluster } = master;
  const head = {
    ...versionJson(master),
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
    flags: master.flags,
  };
  yield JSON.stringify(head).slice(0, -1);
  yield* slavesPieces(master, ',', undefined);
  yield ',';
  yield* frameworksPieces(master, undefined);
  yield ',"orphan_tasks":[],"unregistered_frameworks":[]}';
}

/** `/version`: a real master's members; ours is not built apart from its package, so nobody knows more. */
export function versionJson({ info }: Master): Readonly<Record<string, unknown>> {
  return { build_date: '', build_time: 0, build_user: 'longrun', version: info.version };
}

/** `/slaves` in pieces; `slaveId`: only that one. */
export function* slavesDocument(master: Master, slaveId: string | undefined): Generator<string> {
  yield '{';
  yield* slavesPieces(master, '', slaveId);
  yield '}';
}

/** `/frameworks` in pieces; `frameworkId`: only that one. */
export function* frameworksDocument(master: Master, frameworkId: string | undefined): Generator<string> {
  yield '{';
  yield* frameworksPieces(master, frameworkId);
  yield ',"unregistered_frameworks":[]}';
}

function* frameworksPieces(master: Master, frameworkId: string | undefined): Generator<string> {
  const { cluster } = master;
  const asked = (framework: FrameworkRecord): boolean =>
    frameworkId === undefined || framework.id === frameworkId;
  yield '"frameworks":[';
  yield* joined(filtered(cluster.frameworks.values(), asked), (framework) =>
    frameworkPieces(master, framework),
  );
  yield '],"completed_frameworks":[';
  yield* joined(filtered(cluster.completedFrameworks, asked), (framework) =>
    frameworkPieces(master, framework),
  );
  yield ']';
}

function* slavesPieces(master: Master, comma: string, slaveId: string | undefined): Generator<string> {
  const asked = (agent: AgentRecord): boolean => slaveId === undefined || agent.id === slaveId;
  yield `${comma}"slaves":[`;
  const registered = filtered(
    master.cluster.agents.values(),
    (agent) => agent.link !== 'recovered' && asked(agent),
  );
  yield* list(registered, (agent) => agentFullJson(agent, addressOf(agent)));
  yield '],"recovered_slaves":[';
  const recovered = filtered(
    master.cluster.agents.values(),
    (agent) => agent.link === 'recovered' && asked(agent),
  );
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
  yield* joined(cluster.frameworks.values(), function* (framework) {
    const sums = yield* summing(master, framework);
    yield JSON.stringify({
      ...frameworkSummary(framework, sums),
      ...countsJson(framework.counts, framework.unreachableTasks.size),
      slave_ids: [...sums.agentIds],
    });
  });
  yield ']}';
}

function* frameworkPieces(master: Master, framework: FrameworkRecord): Generator<string> {
  const sums = yield* summing(master, framework);
  yield `${JSON.stringify(frameworkJson(framework, sums)).slice(0, -1)},"tasks":[`;
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

/** Sums up a framework's tasks and offers; the empty pieces in between give other work its turn. */
function* summing(master: Master, framework: FrameworkRecord): Generator<string, FrameworkSums> {
  const [used, offered, agentIds] = [new ResourceSum(), new ResourceSum(), new Set<string>()];
  let summed = 0;
  for (const task of framework.tasks.values()) {
    agentIds.add(task.agentId);
    if (task.holdsResources) used.add(task.resources);
    if (++summed % TASKS_PER_SUM === 0) yield '';
  }
  for (const { resources } of master.offersOf(framework)) offered.add(resources);
  return { used, offered, agentIds };
}

function countLinks(master: Master, connected: boolean): number {
  let count = 0;
  for (const { link } of master.cluster.agents.values())
    if (link !== 'recovered' && (link === 'connected') === connected) count++;
  return count;
}

export function* list<T>(items: Iterable<T>, render: (item: T) => unknown): Generator<string> {
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
