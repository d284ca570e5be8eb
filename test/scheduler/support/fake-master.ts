import type {
  Call,
  Event,
  Offer,
  Resource,
  SchedulerDriver,
  TaskInfo,
  TaskState,
  TaskStatus,
} from '../../../src/embedded-mesos/protocol/v1.js';
import { isTerminalState } from '../../../src/embedded-mesos/protocol/v1.js';

export interface AgentSpec {
  readonly cpus: number;
  readonly mem: number;
  readonly ports?: readonly [number, number];
  readonly attributes?: Readonly<Record<string, string>>;
}

interface Task {
  readonly info: TaskInfo;
  state: TaskState;
  /** Updates with uuid not acknowledged yet, oldest first. */
  readonly unacknowledged: TaskStatus[];
}

interface Agent {
  readonly id: string;
  readonly spec: AgentSpec;
  /** recovered: known from the registry, not back yet. */
  state: 'registered' | 'recovered' | 'unreachable' | 'gone';
  readonly tasks: Map<string, Task>;
  filtered: boolean;
}

interface Outstanding {
  readonly agent: Agent;
  readonly cpus: number;
  readonly mem: number;
  readonly ports: ReadonlySet<number>;
}

const amount = (resources: readonly Resource[], name: string): number =>
  resources.filter((each) => each.name === name).reduce((sum, each) => sum + (each.scalar?.value ?? 0), 0);

export function portsOf(resources: readonly Resource[]): number[] {
  const ports: number[] = [];
  for (const resource of resources) {
    if (resource.name !== 'ports') continue;
    for (const range of resource.ranges?.range ?? []) {
      for (let port = range.begin; port <= range.end; port++) ports.push(port);
    }
  }
  return ports;
}

const instanceOf = (taskId: string): string => taskId.replace(/\._app\.\d+$/, '');

/**
 * A master and its agents in a few lines, with Mesos's rules about offers, updates and reconciliation. It watches the invariants that
 * no scheduler may break and writes every breach down.
 */
export class FakeMaster implements SchedulerDriver {
  readonly agents = new Map<string, Agent>();
  readonly calls: Call[] = [];
  readonly violations: string[] = [];
  /** Every task ever launched. */
  readonly launched = new Set<string>();
  /** Tasks start, and end when killed, by themselves. */
  automatic = true;
  connected = true;
  frameworkId = 'fw-0000';
  readonly #offers = new Map<string, Outstanding>();
  #handlers: Parameters<SchedulerDriver['start']>[0] | undefined;
  #suppressed = false;
  #nextOffer = 0;
  #nextUuid = 0;
  #allocationQueued = false;
  readonly #queue: Event[] = [];
  #delivering = false;
  onCall: ((call: Call) => void) | undefined;

  start(handlers: Parameters<SchedulerDriver['start']>[0]): void {
    this.#handlers = handlers;
  }

  stop(): void {
    this.#handlers = undefined;
  }

  /** The scheduler's process is gone: nothing reaches it any more. */
  detach(): void {
    this.#handlers = undefined;
    this.#queue.length = 0;
    this.#dropOffers();
  }

  addAgent(id: string, spec: AgentSpec): void {
    this.agents.set(id, { id, spec, state: 'registered', tasks: new Map(), filtered: false });
    this.#allocateSoon();
  }

  /** The master's process was restarted: agents are known but not back. */
  forgetAgents(): void {
    for (const agent of this.agents.values()) if (agent.state === 'registered') agent.state = 'recovered';
    this.#dropOffers();
  }

  register(agentId: string): void {
    const agent = this.#agent(agentId);
    agent.state = 'registered';
    agent.filtered = false;
    for (const task of agent.tasks.values()) {
      const status = task.unacknowledged[0] ?? this.#status(agent, task);
      this.#emit({ type: 'UPDATE', update: { status } });
    }
    this.#allocateSoon();
  }

  /** Durably marked unreachable; its tasks run on unseen. */
  lose(agentId: string): void {
    const agent = this.#agent(agentId);
    agent.state = 'unreachable';
    for (const [id, offer] of this.#offers) {
      if (offer.agent !== agent) continue;
      this.#offers.delete(id);
      this.#emit({ type: 'RESCIND', rescind: { offer_id: { value: id } } });
    }
    for (const task of agent.tasks.values()) {
      if (!isTerminalState(task.state)) {
        this.#emit({
          type: 'UPDATE',
          update: { status: { ...this.#status(agent, task), state: 'TASK_UNREACHABLE' } },
        });
      }
    }
    this.#emit({ type: 'FAILURE', failure: { agent_id: { value: agentId } } });
  }

  rescindAll(): void {
    for (const id of this.#offers.keys())
      this.#emit({ type: 'RESCIND', rescind: { offer_id: { value: id } } });
    this.#dropOffers();
    this.#allocateSoon();
  }

  get offersOut(): number {
    return this.#offers.size;
  }

  get suppressed(): boolean {
    return this.#suppressed;
  }

  disconnect(): void {
    this.connected = false;
    this.#queue.length = 0;
    this.#dropOffers();
    this.#handlers?.onDisconnected();
  }

  reconnect(): void {
    this.connected = true;
  }

  liveTasks(): TaskInfo[] {
    const live: TaskInfo[] = [];
    for (const agent of this.agents.values()) {
      for (const task of agent.tasks.values()) if (!isTerminalState(task.state)) live.push(task.info);
    }
    return live;
  }

  task(taskId: string): { agent: Agent; task: Task } | undefined {
    for (const agent of this.agents.values()) {
      const task = agent.tasks.get(taskId);
      if (task) return { agent, task };
    }
    return undefined;
  }

  /** A status from the task's agent, with a uuid; waits there while the agent is away. */
  update(taskId: string, state: TaskState, more: Partial<TaskStatus> = {}): void {
    const found = this.task(taskId);
    if (!found) throw new Error(`no task ${taskId}`);
    const { agent, task } = found;
    if (isTerminalState(task.state)) return;
    task.state = state;
    this.#nextUuid += 1;
    const status: TaskStatus = { ...this.#status(agent, task), uuid: `u${this.#nextUuid}`, ...more };
    task.unacknowledged.push(status);
    if (isTerminalState(state)) agent.filtered = false;
    if (agent.state === 'registered') {
      this.#emit({ type: 'UPDATE', update: { status } });
      this.#allocateSoon();
    }
  }

  /** Agents say again what nobody acknowledged. */
  resend(): void {
    for (const agent of this.agents.values()) {
      if (agent.state !== 'registered') continue;
      for (const task of agent.tasks.values()) {
        for (const status of task.unacknowledged) this.#emit({ type: 'UPDATE', update: { status } });
      }
    }
  }

  get unacknowledged(): number {
    let sum = 0;
    for (const agent of this.agents.values()) {
      for (const task of agent.tasks.values()) sum += task.unacknowledged.length;
    }
    return sum;
  }

  emit(event: Event): void {
    this.#emit(event);
  }

  call(call: Call): void {
    if (!this.connected || !this.#handlers) return;
    this.calls.push(call);
    this.onCall?.(call);
    switch (call.type) {
      case 'SUBSCRIBE':
        this.#dropOffers();
        this.#suppressed = false;
        for (const agent of this.agents.values()) agent.filtered = false;
        this.#emit({
          type: 'SUBSCRIBED',
          subscribed: {
            framework_id: { value: this.frameworkId },
            master_info: { id: 'm', ip: 0, port: 5050, hostname: 'master' },
          },
        });
        this.#allocateSoon();
        return;
      case 'ACCEPT':
        this.#accept(call.accept);
        return;
      case 'DECLINE':
        for (const { value } of call.decline.offer_ids)
          this.#release(value, call.decline.filters?.refuse_seconds ?? 5);
        this.#allocateSoon();
        return;
      case 'REVIVE':
        this.#suppressed = false;
        for (const agent of this.agents.values()) agent.filtered = false;
        this.#allocateSoon();
        return;
      case 'SUPPRESS':
        this.#suppressed = true;
        return;
      case 'KILL':
        this.#kill(call.kill.task_id.value);
        return;
      case 'ACKNOWLEDGE': {
        const found = this.task(call.acknowledge.task_id.value);
        const index =
          found?.task.unacknowledged.findIndex((each) => each.uuid === call.acknowledge.uuid) ?? -1;
        if (found && index >= 0) found.task.unacknowledged.splice(index, 1);
        if (found && isTerminalState(found.task.state) && found.task.unacknowledged.length === 0) {
          found.agent.tasks.delete(call.acknowledge.task_id.value);
        }
        return;
      }
      case 'RECONCILE':
        this.#reconcile(call.reconcile.tasks);
        return;
      default:
        return;
    }
  }

  #agent(id: string): Agent {
    const agent = this.agents.get(id);
    if (!agent) throw new Error(`no agent ${id}`);
    return agent;
  }

  #status(agent: Agent, task: Task): TaskStatus {
    return {
      task_id: task.info.task_id,
      state: task.state,
      agent_id: { value: agent.id },
      source: 'SOURCE_AGENT',
    };
  }

  #kill(taskId: string): void {
    const found = this.task(taskId);
    if (!found) {
      this.#reconcile([{ task_id: { value: taskId } }]);
      return;
    }
    if (this.automatic && found.agent.state === 'registered') this.update(taskId, 'TASK_KILLED');
  }

  #left(agent: Agent): { cpus: number; mem: number; ports: Set<number> } {
    let { cpus, mem } = agent.spec;
    const ports = new Set<number>();
    const [from, to] = agent.spec.ports ?? [31000, 31999];
    for (let port = from; port <= to; port++) ports.add(port);
    for (const task of agent.tasks.values()) {
      if (isTerminalState(task.state)) continue;
      cpus -= amount(task.info.resources, 'cpus');
      mem -= amount(task.info.resources, 'mem');
      for (const port of portsOf(task.info.resources)) ports.delete(port);
    }
    return { cpus: Math.round(cpus * 1e3) / 1e3, mem, ports };
  }

  #allocateSoon(): void {
    if (this.#allocationQueued) return;
    this.#allocationQueued = true;
    queueMicrotask(() => {
      this.#allocationQueued = false;
      this.#allocate();
    });
  }

  #allocate(): void {
    if (!this.connected || !this.#handlers || this.#suppressed) return;
    const offers: Offer[] = [];
    for (const agent of this.agents.values()) {
      if (agent.state !== 'registered' || agent.filtered) continue;
      if ([...this.#offers.values()].some((offer) => offer.agent === agent)) continue;
      const left = this.#left(agent);
      if (left.cpus <= 0 || left.mem <= 0) continue;
      this.#nextOffer += 1;
      const id = `o${this.#nextOffer}`;
      this.#offers.set(id, { agent, ...left });
      offers.push(this.#offer(id, agent, left));
    }
    if (offers.length > 0) this.#emit({ type: 'OFFERS', offers: { offers } });
  }

  #offer(id: string, agent: Agent, left: { cpus: number; mem: number; ports: Set<number> }): Offer {
    const range: { begin: number; end: number }[] = [];
    for (const port of [...left.ports].sort((a, b) => a - b)) {
      const last = range.at(-1);
      if (last && last.end + 1 === port) last.end = port;
      else range.push({ begin: port, end: port });
    }
    const resource = { role: '*', allocation_info: { role: '*' } };
    return {
      id: { value: id },
      framework_id: { value: this.frameworkId },
      agent_id: { value: agent.id },
      hostname: `host-${agent.id}`,
      allocation_info: { role: '*' },
      resources: [
        { name: 'cpus', type: 'SCALAR', scalar: { value: left.cpus }, ...resource },
        { name: 'mem', type: 'SCALAR', scalar: { value: left.mem }, ...resource },
        { name: 'ports', type: 'RANGES', ranges: { range }, ...resource },
      ],
      attributes: Object.entries(agent.spec.attributes ?? {}).map(([name, value]) => ({
        name,
        type: 'TEXT',
        text: { value },
      })),
    };
  }

  #release(offerId: string, refuseSeconds: number): void {
    const offer = this.#offers.get(offerId);
    if (!offer) return;
    this.#offers.delete(offerId);
    if (refuseSeconds > 0) offer.agent.filtered = true;
  }

  #dropOffers(): void {
    this.#offers.clear();
  }

  #accept(accept: Extract<Call, { type: 'ACCEPT' }>['accept']): void {
    const [first] = accept.offer_ids;
    const offer = first && this.#offers.get(first.value);
    const tasks = (accept.operations ?? []).flatMap((each) =>
      each.type === 'LAUNCH' ? each.launch.task_infos : [],
    );
    if (!offer || !first) {
      for (const info of tasks) {
        const status: TaskStatus = {
          task_id: info.task_id,
          state: 'TASK_DROPPED',
          agent_id: info.agent_id,
          source: 'SOURCE_MASTER',
          reason: 'REASON_INVALID_OFFERS',
          message: 'Task launched with invalid offers',
        };
        this.#emit({ type: 'UPDATE', update: { status } });
      }
      return;
    }
    let { cpus, mem } = offer;
    const ports = new Set(offer.ports);
    for (const info of tasks) {
      cpus -= amount(info.resources, 'cpus');
      mem -= amount(info.resources, 'mem');
      for (const port of portsOf(info.resources)) {
        if (!ports.delete(port))
          this.violations.push(`port ${port} of ${info.task_id.value} was not offered or used twice (I7)`);
      }
      this.#launch(offer.agent, info);
    }
    if (cpus < -1e-6 || mem < -1e-6) this.violations.push(`offer ${first.value} over-used (I7)`);
    this.#release(first.value, accept.filters?.refuse_seconds ?? 5);
    this.#allocateSoon();
  }

  #launch(agent: Agent, info: TaskInfo): void {
    const id = info.task_id.value;
    if (this.launched.has(id)) this.violations.push(`task id ${id} launched twice (I6)`);
    this.launched.add(id);
    for (const other of this.liveTasks()) {
      if (instanceOf(other.task_id.value) === instanceOf(id)) {
        this.violations.push(`${id} launched while ${other.task_id.value} of the same instance lives`);
      }
    }
    agent.tasks.set(id, { info, state: 'TASK_STAGING', unacknowledged: [] });
    if (this.automatic) {
      this.update(id, 'TASK_STARTING');
      this.update(id, 'TASK_RUNNING');
    }
  }

  #reconcile(asked: readonly { task_id: { value: string }; agent_id?: { value: string } }[]): void {
    const answer = (status: TaskStatus): void =>
      this.#emit({
        type: 'UPDATE',
        update: { status: { ...status, source: 'SOURCE_MASTER', reason: 'REASON_RECONCILIATION' } },
      });
    if (asked.length === 0) {
      for (const agent of this.agents.values()) {
        if (agent.state !== 'registered') continue;
        for (const task of agent.tasks.values()) answer(this.#status(agent, task));
      }
      return;
    }
    for (const { task_id, agent_id } of asked) {
      const found = this.task(task_id.value);
      if (found?.agent.state === 'registered') {
        answer(this.#status(found.agent, found.task));
        continue;
      }
      const agent = agent_id === undefined ? undefined : this.agents.get(agent_id.value);
      if (agent?.state === 'recovered') continue;
      const state: TaskState =
        agent?.state === 'registered'
          ? 'TASK_GONE'
          : agent?.state === 'unreachable'
            ? 'TASK_UNREACHABLE'
            : agent?.state === 'gone'
              ? 'TASK_GONE_BY_OPERATOR'
              : 'TASK_UNKNOWN';
      answer({ task_id, state, ...(agent_id === undefined ? {} : { agent_id }) });
    }
  }

  #emit(event: Event): void {
    if (!this.connected || !this.#handlers) return;
    this.#queue.push(event);
    if (this.#delivering) return;
    this.#delivering = true;
    queueMicrotask(() => {
      for (let next = this.#queue.shift(); next; next = this.#queue.shift()) this.#handlers?.onEvent(next);
      this.#delivering = false;
    });
  }
}
