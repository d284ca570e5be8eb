import type { AppId, AppRecord } from '../../../src/apps/app.js';
import type { AppChange } from '../../../src/apps/app-registry.js';
import { EndpointBook } from '../../../src/discovery/endpoint-book.js';
import type { Instance } from '../../../src/scheduler/instance.js';
import type { InstanceChange } from '../../../src/scheduler/scheduler.js';
import { VirtualClock } from '../../../src/util/virtual-clock.js';
import { appRecord } from '../../scheduler/support/world.js';

/** An instance that runs, with one port. */
export const running = (id: string, hostname: string, more: Partial<Instance> = {}): Instance =>
  ({
    id,
    appId: '/web' as AppId,
    goal: 'Running',
    condition: 'Running',
    task: { id: `${id}-task`, agentId: 'x-S1', hostname, hostPorts: [31000], ipAddresses: [] },
    ...more,
  }) as unknown as Instance;

/** Apps and instances as a test sets them, and what is told of them. */
export class Pool {
  readonly clock = new VirtualClock();
  readonly apps = new Map<AppId, AppRecord>();
  readonly instances = new Map<AppId, Instance[]>();
  readonly lookups: string[] = [];
  readonly addresses = new Map<string, string>();
  readonly #appListeners: ((changes: readonly AppChange[]) => void)[] = [];
  readonly #instanceListeners: ((change: InstanceChange) => void)[] = [];
  readonly book = new EndpointBook({
    registry: {
      get: (appId) => this.apps.get(appId),
      all: () => this.apps.values(),
      onChange: (listener) => {
        this.#appListeners.push(listener);
        return () => undefined;
      },
    },
    instances: {
      ofApp: (appId) => this.instances.get(appId) ?? [],
      onChange: (listener) => {
        this.#instanceListeners.push(listener);
        return () => undefined;
      },
    },
    clock: this.clock,
    lookup: async (hostname) => {
      this.lookups.push(hostname);
      const address = this.addresses.get(hostname);
      if (address === undefined) throw new Error('ENOTFOUND');
      return address;
    },
  });

  set(id: string, instances: readonly Instance[], more: object = {}): void {
    const record = appRecord(id, { portDefinitions: [{ port: 0, protocol: 'tcp', name: 'http' }], ...more });
    this.apps.set(record.app.id, record);
    this.instances.set(record.app.id, [...instances]);
    for (const listener of this.#appListeners)
      listener([{ appId: record.app.id, before: undefined, after: record }]);
  }

  remove(id: string): void {
    this.apps.delete(id as AppId);
    for (const listener of this.#appListeners)
      listener([{ appId: id as AppId, before: undefined, after: undefined }]);
  }

  ips(id: string): readonly string[] {
    return this.book.ofApp(id as AppId).endpoints.map(({ ip }) => ip);
  }

  settle(ms = 10): Promise<void> {
    return this.clock.advanceAsync(ms);
  }
}
