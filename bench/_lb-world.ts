import { createServer, type Server } from 'node:http';
import type { App, AppId, AppRecord } from '../src/apps/app.js';
import type { AppChange, AppRegistry } from '../src/apps/app-registry.js';
import { silentLog } from '../src/logging/log.js';
import { ProxyControl } from '../src/proxy/control.js';
import { type FromProxy, PROXY_LINE_PATH, PROXY_PROTOCOL_VERSION, type ToProxy } from '../src/proxy/table.js';
import type { AgentId, Instance, InstanceId, TaskId } from '../src/scheduler/instance.js';
import type { InstanceChange, InstanceReadModel } from '../src/scheduler/scheduler.js';
import { SystemClock } from '../src/util/clock.js';
import { LineServer } from '../src/util/line/line-server.js';
import { bootId } from '../src/util/process-identity.js';
import type { Timestamp } from '../src/util/timestamp.js';

const then = '2026-01-01T00:00:00.000Z' as Timestamp;

/** An app with one port and a virtual host of its own. */
function record(id: string, servicePort: number, instances: number): AppRecord {
  const app: App = {
    id: id as AppId,
    env: {},
    instances,
    cpus: 0.1,
    mem: 32,
    disk: 0,
    gpus: 0,
    executor: '',
    constraints: [],
    role: '*',
    networks: [{ mode: 'host' }],
    portDefinitions: [{ port: servicePort, protocol: 'tcp' }],
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
    labels: { HAPROXY_0_VHOST: hostOf(id) },
    version: then,
    versionInfo: { lastScalingAt: then, lastConfigChangeAt: then },
  };
  return { app, launchHash: 'hash', explicitPorts: true };
}

export function hostOf(appId: string): string {
  return `${appId.slice(1)}.bench.test`;
}

/**
 * The server's end of the load balancer as it runs in production (ProxyControl over a real line), fed with apps and instances
 * from plain maps.
 */
export class LbWorld {
  readonly control: ProxyControl;
  readonly token = 'bench';
  readonly #records = new Map<AppId, AppRecord>();
  readonly #instances = new Map<AppId, Map<InstanceId, Instance>>();
  readonly #appListeners = new Set<(changes: readonly AppChange[]) => void>();
  readonly #instanceListeners = new Set<(change: InstanceChange) => void>();
  readonly #server: Server;
  #made = 0;

  constructor() {
    const clock = new SystemClock();
    const registry: Pick<AppRegistry, 'get' | 'all' | 'onChange'> = {
      get: (appId) => this.#records.get(appId),
      all: () => this.#records.values(),
      onChange: (listener) => {
        this.#appListeners.add(listener);
        return () => this.#appListeners.delete(listener);
      },
    };
    const instances: Pick<InstanceReadModel, 'ofApp' | 'onChange'> = {
      ofApp: (appId) => [...(this.#instances.get(appId)?.values() ?? [])],
      onChange: (listener) => {
        this.#instanceListeners.add(listener);
        return () => this.#instanceListeners.delete(listener);
      },
    };
    this.control = new ProxyControl({
      registry: registry as AppRegistry,
      instances: instances as InstanceReadModel,
      bootId: () => bootId(),
      epoch: 1,
      clock,
      log: silentLog,
      memory: { load: () => [], save: () => undefined },
    });
    const lines = new LineServer<FromProxy, ToProxy>({
      path: PROXY_LINE_PATH,
      token: this.token,
      protocolVersion: PROXY_PROTOCOL_VERSION,
      clock,
      log: silentLog,
      onLine: (line) => this.control.acceptLine(line),
    });
    this.#server = createServer();
    this.#server.on('upgrade', (asked, socket, head) => void lines.upgrade(asked, socket, head));
  }

  async start(): Promise<string> {
    this.control.start();
    await new Promise<void>((listening) => this.#server.listen(0, '127.0.0.1', listening));
    return `http://127.0.0.1:${(this.#server.address() as { port: number }).port}`;
  }

  stop(): void {
    this.control.stop();
    this.#server.close();
    this.#server.closeAllConnections();
  }

  app(id: string, servicePort: number, instances: number): AppId {
    const after = record(id, servicePort, instances);
    this.#records.set(after.app.id, after);
    for (const tell of this.#appListeners) tell([{ appId: after.app.id, before: undefined, after }]);
    return after.app.id;
  }

  /** One more instance that has just been found healthy. */
  add(appId: AppId, port: number): Instance {
    this.#made += 1;
    const name = `${appId.slice(1)}.instance-${String(this.#made).padStart(32, '0')}`;
    const taskId = `${name}._app.1` as TaskId;
    const after: Instance = {
      id: name as InstanceId,
      appId,
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
        hostname: 'localhost',
        attributes: {},
        hostPorts: [port],
        ipAddresses: [{ ipAddress: '127.0.0.1', protocol: 'IPv4' }],
        stagedAt: then,
        mesosState: 'TASK_RUNNING',
        runSpecVersion: then,
      },
      health: { taskId, portOpen: true, results: [] },
    };
    const ofApp = this.#instances.get(appId) ?? new Map<InstanceId, Instance>();
    this.#instances.set(appId, ofApp.set(after.id, after));
    for (const tell of this.#instanceListeners) tell({ before: undefined, after });
    return after;
  }

  remove(gone: Instance): void {
    this.#instances.get(gone.appId)?.delete(gone.id);
    for (const tell of this.#instanceListeners) tell({ before: gone, after: undefined });
  }

  oldest(appId: AppId): Instance | undefined {
    return this.#instances.get(appId)?.values().next().value;
  }

  /** The versions that the proxies have confirmed, the lowest. */
  get acked(): number {
    return Math.min(...this.control.stats().map(({ acked }) => acked));
  }

  /** Every proxy has confirmed a table later than this version. */
  async confirmedAfter(version: number): Promise<void> {
    while (this.acked <= version) await new Promise((again) => setTimeout(again, 1));
  }

  /** All that runs is in the table, and every proxy has confirmed that. */
  async confirmed(proxies: number): Promise<void> {
    let running = 0;
    for (const ofApp of this.#instances.values()) running += ofApp.size;
    for (;;) {
      const { version, services } = this.control.table();
      const routed = Object.values(services).reduce((sum, { servers }) => sum + servers.length, 0);
      if (routed === running && this.control.stats().length === proxies && this.acked >= version) return;
      await new Promise((again) => setTimeout(again, 5));
    }
  }
}
