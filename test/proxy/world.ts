import type { App, AppId, AppRecord } from '../../src/apps/app.js';
import type { AppChange, AppRegistry } from '../../src/apps/app-registry.js';
import type { FromProxy, RoutingTable, Service, ToProxy } from '../../src/proxy/table.js';
import type { AgentId, Instance, InstanceId, TaskId } from '../../src/scheduler/instance.js';
import type { InstanceChange, InstanceReadModel } from '../../src/scheduler/scheduler.js';
import type { AcceptedLine, LineHandlers } from '../../src/util/line/line.js';
import type { Timestamp } from '../../src/util/timestamp.js';

const then = '2026-01-01T00:00:00.000Z' as Timestamp;

export function record(
  over: Omit<Partial<App>, 'id'> & { readonly id: string },
  explicitPorts = true,
): AppRecord {
  const { id, ...rest } = over;
  const app: App = {
    id: id as AppId,
    env: {},
    instances: 1,
    cpus: 0.1,
    mem: 32,
    disk: 0,
    gpus: 0,
    executor: '',
    constraints: [],
    role: '*',
    networks: [{ mode: 'host' }],
    portDefinitions: [{ port: 10_000, protocol: 'tcp' }],
    requirePorts: false,
    healthChecks: [],
    readinessChecks: [],
    backoffSeconds: 1,
    backoffFactor: 1.15,
    maxLaunchDelaySeconds: 300,
    dependencies: [],
    upgradeStrategy: { minimumHealthCapacity: 1, maximumOverCapacity: 1 },
    unreachableStrategy: 'disabled',
    killSelection: 'YOUNGEST_FIRST',
    labels: {},
    version: then,
    versionInfo: { lastScalingAt: then, lastConfigChangeAt: then },
    ...rest,
  };
  return { app, launchHash: 'hash', explicitPorts };
}

export const httpCheck: App['healthChecks'][number] = {
  protocol: 'HTTP',
  path: '/',
  gracePeriodSeconds: 1,
  intervalSeconds: 1,
  timeoutSeconds: 1,
  maxConsecutiveFailures: 3,
};

/** A running instance whose port was found open. */
export function instance(appId: string, name: string, port: number, over: Partial<Instance> = {}): Instance {
  const taskId = `${name}._app.1` as TaskId;
  return {
    id: name as InstanceId,
    appId: appId as AppId,
    goal: 'Running',
    condition: 'Running',
    since: then,
    runSpecVersion: then,
    launchHash: 'hash',
    incarnation: 1,
    role: '*',
    task: {
      id: taskId,
      agentId: 'agent-1' as AgentId,
      hostname: 'node.test',
      attributes: {},
      hostPorts: [port, port + 1],
      ipAddresses: [{ ipAddress: '10.0.0.1', protocol: 'IPv4' }],
      stagedAt: then,
      mesosState: 'TASK_RUNNING',
      runSpecVersion: then,
    },
    health: { taskId, portOpen: true, results: [] },
    ...over,
  };
}

/** What is wanted and what runs, held in plain maps. */
export class World {
  readonly #records = new Map<AppId, AppRecord>();
  readonly #instances = new Map<AppId, Map<InstanceId, Instance>>();
  readonly #appListeners = new Set<(changes: readonly AppChange[]) => void>();
  readonly #instanceListeners = new Set<(change: InstanceChange) => void>();

  readonly registry: AppRegistry = {
    get: (appId) => this.#records.get(appId),
    all: () => this.#records.values(),
    size: 0,
    versions: () => undefined,
    version: async () => undefined,
    writesFor: () => [],
    apply: () => undefined,
    onChange: (listener) => {
      this.#appListeners.add(listener);
      return () => this.#appListeners.delete(listener);
    },
  };

  readonly instances: InstanceReadModel = {
    get: () => undefined,
    byTask: () => undefined,
    ofApp: (appId) => [...(this.#instances.get(appId)?.values() ?? [])],
    all: () => [...this.#instances.values()].flatMap((each) => [...each.values()]),
    size: 0,
    counts: () => ({ staged: 0, running: 0, healthy: 0, unhealthy: 0 }),
    onChange: (listener) => {
      this.#instanceListeners.add(listener);
      return () => this.#instanceListeners.delete(listener);
    },
  };

  want(after: AppRecord): void {
    const before = this.#records.get(after.app.id);
    this.#records.set(after.app.id, after);
    for (const tell of this.#appListeners) tell([{ appId: after.app.id, before, after }]);
  }

  unwant(appId: string): void {
    const before = this.#records.get(appId as AppId);
    this.#records.delete(appId as AppId);
    for (const tell of this.#appListeners) tell([{ appId: appId as AppId, before, after: undefined }]);
  }

  put(after: Instance): void {
    const ofApp = this.#instances.get(after.appId) ?? new Map<InstanceId, Instance>();
    this.#instances.set(after.appId, ofApp);
    const before = ofApp.get(after.id);
    ofApp.set(after.id, after);
    for (const tell of this.#instanceListeners) tell({ before, after });
  }

  forget(gone: Instance): void {
    this.#instances.get(gone.appId)?.delete(gone.id);
    for (const tell of this.#instanceListeners) tell({ before: gone, after: undefined });
  }
}

/** A proxy as the server sees it: keeps the table it was told, answers only when the test says so. */
export class FakeProxy implements AcceptedLine<FromProxy, ToProxy> {
  readonly hello = { protocolVersion: 1, lineId: 'line', peer: 'proxy' };
  readonly remoteAddress = '127.0.0.1';
  handlers: LineHandlers<FromProxy> = { onMessage: () => undefined, onReset: () => undefined };
  connected = true;
  readonly sent: ToProxy[] = [];
  table: RoutingTable = { epoch: 0, version: 0, services: {} };
  /** Deltas that did not follow. */
  gaps = 0;
  /** Confirms each table at once. */
  prompt = true;

  constructor(readonly proxyId: string) {}

  send(message: ToProxy): void {
    this.sent.push(message);
    if (message.type === 'SNAPSHOT') this.table = message.table;
    else if (message.type === 'DELTA') this.#apply(message.delta);
    else return;
    if (this.prompt) this.ack();
  }

  close(): void {
    this.connected = false;
  }

  say(message: FromProxy): void {
    this.handlers.onMessage(message);
  }

  greet(): void {
    this.say({ type: 'HELLO', proxyId: this.proxyId, pid: 1, bootId: 'boot', host: 'node.test' });
  }

  ack(): void {
    this.say({ type: 'ACK', epoch: this.table.epoch, version: this.table.version });
  }

  inFlight(task: TaskId | undefined, count: number): void {
    if (task) this.say({ type: 'IN_FLIGHT', taskId: task, count });
  }

  /** Names of the tasks that are routed for a service. */
  tasks(key: string): string[] {
    return (this.table.services[key]?.servers ?? []).map(({ taskId }) => taskId);
  }

  #apply(delta: Extract<ToProxy, { type: 'DELTA' }>['delta']): void {
    if (delta.epoch !== this.table.epoch || delta.from !== this.table.version) {
      this.gaps += 1;
      return;
    }
    const services: Record<string, Service> = { ...this.table.services };
    for (const [key, service] of Object.entries(delta.services)) {
      if (service === null) delete services[key];
      else services[key] = service;
    }
    this.table = { epoch: delta.epoch, version: delta.to, services };
  }
}
