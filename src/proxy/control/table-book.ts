import type { AppId, AppRecord } from '../../apps/app.js';
import { appRouting } from '../../apps/decide/port-routing.js';
import { isServed } from '../../apps/decide/served-ports.js';
import type { AgentId, Instance, TaskId } from '../../scheduler/instance.js';
import type { Colour } from '../decide/blue-green.js';
import { buildServices, drainLimitMs, isRoutable } from '../decide/build-table.js';
import { serviceKey } from '../decide/names.js';
import type { RoutingTable, Service, TableDelta } from '../table.js';
import { DeploymentGroups } from './deployment-groups.js';
import { type AppPage, type Entry, type LeftPort, PageChange, wordsOf } from './page-change.js';
import { PortClaims } from './port-claims.js';

export type { LeftPort } from './page-change.js';

/** Where the book reads what is wanted and what runs. */
export interface TableSources {
  record(appId: AppId): AppRecord | undefined;
  instances(appId: AppId): readonly Instance[];
  bootId(agentId: AgentId): string | undefined;
  readonly groups: readonly string[];
  /** Apps that are stored but cannot be read. */
  unreadable?(): Iterable<AppId>;
}

/** What a rebuild changed. `delta` undefined: nothing. */
export interface Rebuilt {
  readonly delta: TableDelta | undefined;
  /** The same, shorter, for those who understand patches; undefined: there is nothing shorter. */
  readonly patched?: TableDelta | undefined;
  readonly left: readonly LeftPort[];
}

/**
 * The routing table as the server keeps it: one page per app, rebuilt when something about the app changed. The version
 * grows only when a service really did.
 */
export class TableBook {
  /** The empty table every proxy can confirm is version 1: a confirmation is never 0. */
  #version = 1;
  readonly #pages = new Map<AppId, AppPage>();
  readonly #claims = new PortClaims();
  readonly #colours = new DeploymentGroups();
  readonly #unrouted = new Set<TaskId>();
  /** Tasks that were in the table at some time and still exist: their drain limit. */
  readonly #tasks = new Map<TaskId, number>();
  #services = 0;

  constructor(
    readonly epoch: number,
    private readonly sources: TableSources,
  ) {}

  get version(): number {
    return this.#version;
  }

  /** Number of services. */
  get size(): number {
    return this.#services;
  }

  /** From the next rebuild of its app on the task gets nothing new. */
  unroute(taskId: TaskId): void {
    this.#unrouted.add(taskId);
  }

  /** The task is gone, or stays after all: nothing about it need be remembered. */
  forgetTask(taskId: TaskId): void {
    this.#unrouted.delete(taskId);
    this.#tasks.delete(taskId);
  }

  /** Drain limit of a task that is or was routed (also when its app is deleted by now); undefined for any other. */
  drainMs(taskId: TaskId): number | undefined {
    return this.#tasks.get(taskId);
  }

  servicesOf(appId: AppId): readonly { readonly service: Service; readonly notBound?: string }[] {
    return [...(this.#pages.get(appId)?.entries.values() ?? [])];
  }

  snapshot(): RoutingTable {
    const services: Record<string, Service> = {};
    for (const page of this.#pages.values())
      for (const [key, { service }] of page.entries) services[key] = service;
    const kept = [...(this.sources.unreadable?.() ?? [])];
    return { epoch: this.epoch, version: this.#version, services, ...(kept.length > 0 ? { kept } : {}) };
  }

  /** Rebuilds these apps, and those whose claim to a service port changes with them. */
  rebuild(appIds: Iterable<AppId>): Rebuilt {
    const before = new Map<AppId, AppPage | undefined>();
    const waiting = new Set(appIds);
    const rebuilt = new Map<AppId, number>();
    for (const appId of waiting) {
      waiting.delete(appId);
      const times = (rebuilt.get(appId) ?? 0) + 1;
      rebuilt.set(appId, times);
      if (times === 1) before.set(appId, this.#pages.get(appId));
      for (const other of this.#rebuildApp(appId)) {
        // Claims are settled after one more look; the bound only guards against a defect.
        if (other !== appId && (rebuilt.get(other) ?? 0) < 4) waiting.add(other);
      }
    }
    const change = new PageChange();
    for (const [appId, page] of before) change.add(page, this.#pages.get(appId));
    const { left } = change;
    if (!change.any) return { delta: undefined, left };
    const from = this.#version;
    this.#version += 1;
    const versions = { epoch: this.epoch, from, to: this.#version };
    return { delta: change.whole(versions), patched: change.patched(versions), left };
  }

  /** Returns the apps that are affected by what this app claims or demands now, or by how far its deployment group is. */
  #rebuildApp(appId: AppId): ReadonlySet<AppId> {
    const before = this.#pages.get(appId);
    const record = this.sources.record(appId);
    const served = record !== undefined && isServed(record);
    const affected = this.#claims.demand(appId, record);
    const instances = served ? this.sources.instances(appId) : [];
    const colour = served ? this.#colourOf(record, instances) : undefined;
    for (const other of this.#colours.set(appId, colour)) affected.add(other);
    const built = served
      ? buildServices(record, instances, {
          groups: this.sources.groups,
          bootId: (agentId) => this.sources.bootId(agentId),
          unrouted: this.#unrouted,
          disabled: this.#colours.disabled(appId),
          bindRefusal: ({ servicePort, routing }) => this.#claims.claim(appId, servicePort, routing),
        })
      : [];
    for (const other of this.#claims.keepOnly(
      appId,
      new Set(built.map(({ service }) => service.servicePort)),
    ))
      affected.add(other);
    const entries = new Map<string, Entry>();
    const ports = new Map<string, LeftPort>();
    const agents = new Map(instances.map(({ task }) => [task?.id, task?.agentId] as const));
    const drainMs = drainLimitMs(built);
    for (const { service, notBound } of built) {
      const key = serviceKey(appId, service.servicePort);
      entries.set(key, {
        service,
        words: wordsOf(service),
        ...(notBound === undefined ? {} : { notBound }),
      });
      for (const server of service.servers) {
        this.#tasks.set(server.taskId, drainMs);
        const agentId = agents.get(server.taskId);
        if (agentId) ports.set(`${server.taskId} ${server.port}`, { agentId, port: server.port });
      }
    }
    this.#turnPage(appId, before, { entries, ports });
    return affected;
  }

  #colourOf({ app }: AppRecord, instances: readonly Instance[]): Colour | undefined {
    const { deployment } = appRouting(app);
    if (!deployment) return undefined;
    const running = instances.filter(
      ({ goal, condition, takingOut }) => goal === 'Running' && condition === 'Running' && !takingOut,
    );
    return {
      appId: app.id,
      deployment,
      tasks: running.flatMap(({ task }) => (task ? [task.id] : [])),
      healthy: running.filter((instance) => isRoutable(app, instance, this.#unrouted)).length,
    };
  }

  #turnPage(appId: AppId, before: AppPage | undefined, after: AppPage): void {
    this.#services += after.entries.size - (before?.entries.size ?? 0);
    if (after.entries.size > 0) this.#pages.set(appId, after);
    else this.#pages.delete(appId);
  }
}
