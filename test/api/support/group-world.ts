import { AppChanges } from '../../../src/apps/app-changes.js';
import type { ChangeSettings } from '../../../src/apps/decide/prepare-changes.js';
import { GroupChanges } from '../../../src/apps/group-changes.js';
import { contract } from '../../apps/support/app-world.js';
import { World, type WorldOptions } from '../../deployments/support/world.js';
import { type Answer, ApiWorld, type Ask } from './api-world.js';

/** The API over the real apps and deployments rooms; instances are simulated. */
export class GroupWorld {
  readonly api = new ApiWorld();
  readonly groupChanges: GroupChanges;

  private constructor(
    readonly rooms: World,
    settings: ChangeSettings,
  ) {
    this.groupChanges = new GroupChanges({ registry: rooms.registry, contract, settings });
  }

  static async start(options: WorldOptions = {}): Promise<GroupWorld> {
    return GroupWorld.over(await World.start(options), options);
  }

  /** A fresh process on what is durable. */
  async crash(inFlight: 'lost' | 'kept' = 'lost'): Promise<GroupWorld> {
    await this.api.stop();
    return GroupWorld.over(await this.rooms.crash(inFlight));
  }

  static async over(rooms: World, { newGroupsEnforceRole = false }: WorldOptions = {}): Promise<GroupWorld> {
    const settings = { defaultRole: '*', restartOnAnyChange: false, newGroupsEnforceRole };
    const world = new GroupWorld(rooms, settings);
    await world.api.start({
      registry: rooms.registry,
      scheduler: rooms.scheduler,
      deployments: rooms.service,
      changes: new AppChanges({ registry: rooms.registry, contract, settings }),
      groupChanges: world.groupChanges,
    });
    return world;
  }

  async stop(): Promise<void> {
    await this.api.stop();
    await this.rooms.service.stop();
  }

  ask(method: string, path: string, body?: unknown, more: Ask = {}): Promise<Answer> {
    return this.api.ask(method, path, { ...more, ...(body === undefined ? {} : { body }) });
  }

  /** Deployments come to their end; apps without health checks need nobody to say that they are well. */
  calm(): Promise<void> {
    return this.rooms.calm(() => false);
  }

  /** A write that must succeed, with nothing under way that could stand in its way. */
  async write(method: string, path: string, body?: unknown): Promise<Record<string, string>> {
    await this.calm();
    const answer = await this.ask(method, path, body);
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`);
    return answer.text === '' ? {} : (answer.json as Record<string, string>);
  }

  /** The tree as paths: apps with their instances, groups with a slash behind them and their dependencies. */
  async tree(path = '/v2/groups'): Promise<string[]> {
    const { status, json } = await this.ask('GET', path);
    if (status !== 200) return [String(status)];
    const lines: string[] = [];
    const visit = (group: ShownGroup): void => {
      const named = group.id === '/' ? '/' : `${group.id}/`;
      lines.push([named, ...group.dependencies].join(' -> '));
      for (const app of group.apps ?? []) lines.push(`${app.id} x${app.instances}`);
      for (const child of group.groups ?? []) visit(child);
    };
    visit(json as unknown as ShownGroup);
    return lines;
  }
}

export interface ShownGroup {
  readonly id: string;
  readonly version: string;
  readonly dependencies: readonly string[];
  readonly apps?: readonly { readonly id: string; readonly instances: number; readonly version: string }[];
  readonly groups?: readonly ShownGroup[];
  readonly pods?: readonly unknown[];
  readonly enforceRole?: boolean;
}

/** An app without ports: nothing about it depends on what else there is. */
export const app = (id: string, more: object = {}): object => ({
  id,
  cmd: 'run',
  instances: 1,
  portDefinitions: [],
  ...more,
});
