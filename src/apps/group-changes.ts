import type { Contract } from '../api/contract/load-contract.js';
import { CatalogError } from '../errors/registry.js';
import { precededBy, type Stepwise, stepwise } from '../util/steps.js';
import { parseTimestamp, type Timestamp } from '../util/timestamp.js';
import type { AppId } from './app.js';
import { MAX_BULK_APPS } from './app-changes.js';
import type { AppsView } from './apps-view.js';
import { type GroupPart, type GroupRequest, readGroupRequest } from './decide/group-update.js';
import { type ChangeSettings, type Definition, readAhead } from './decide/prepare-changes.js';
import {
  type PreparedTree,
  type PreparingAround,
  prepareEnforceRole,
  prepareRemoval,
  prepareRestore,
  prepareScale,
  prepareStructure,
  restoredDefinitions,
} from './decide/prepare-group.js';
import type { GroupReadModel } from './group.js';
import { resolvePath } from './path.js';

/** What `Deployments.changeTree` runs at the moment of acceptance: synchronous and pure. */
export type PrepareTree = Stepwise<Timestamp, PreparedTree>;

export interface GroupChangesDependencies {
  readonly registry: { readonly prospect: AppsView; readonly groups: GroupReadModel };
  readonly contract: Contract;
  readonly settings: ChangeSettings;
}

/** A request read: the group that it is about, and what prepares it. */
export interface GroupRequestRead {
  readonly groupId: string;
  readonly prepare: PrepareTree;
}

/** Apps of a request that are read, normalised and validated in one turn of the event loop. */
const SLICE = 50;

/**
 * From requests about groups to prepared changes, as `AppChanges` for apps. What a version asks for is read from the
 * store before; everything else rests on what is wanted at the moment of acceptance. `path` is as the client wrote it.
 */
export class GroupChanges {
  readonly #registry: GroupChangesDependencies['registry'];
  readonly #contract: Contract;
  readonly #settings: ChangeSettings;

  constructor({ registry, contract, settings }: GroupChangesDependencies) {
    this.#registry = registry;
    this.#contract = contract;
    this.#settings = settings;
  }

  /** POST: the group must not exist. Rejects as `update` does, and with `group-exists`, `path-is-app`. */
  async create(path: string, body: unknown): Promise<GroupRequestRead> {
    const { groupId, request } = this.#read(path, body);
    const mustBeNew = (): void => {
      const { groups, get } = this.#registry.prospect;
      if (groups.has(groupId)) throw new CatalogError('group-exists', { id: groupId });
      if (get(groupId as AppId)) throw new CatalogError('path-is-app', { id: groupId });
    };
    mustBeNew();
    const prepare = await this.#prepare(groupId, request);
    return { groupId, prepare: precededBy(mustBeNew, prepare) };
  }

  /**
   * PUT: creates or changes a group, puts a version of it back or scales it. Rejects with `invalid-json`,
   * `invalid-object`, `unsupported`, `invalid-argument`, `group-not-found`.
   */
  async update(path: string, body: unknown): Promise<GroupRequestRead> {
    const { groupId, request } = this.#read(path, body);
    return { groupId, prepare: await this.#prepare(groupId, request) };
  }

  /**
   * PATCH as a JSON merge patch (RFC 7396): arrays are replaced, null takes a member back to its default, which is none of
   * its kind. The group must exist. Rejects as `update` does, and with `group-not-found`.
   */
  async mergePatch(path: string, body: unknown): Promise<GroupRequestRead> {
    const groupId = resolvePath(path);
    const mustExist = (): void => {
      if (!this.#registry.prospect.groups.has(groupId))
        throw new CatalogError('group-not-found', { id: groupId });
    };
    mustExist();
    const { prepare } = await this.update(path, withDefaults(body));
    return { groupId, prepare: precededBy(mustExist, prepare) };
  }

  /** PATCH: the role of a group's apps, nothing else. */
  patch(path: string, body: unknown): GroupRequestRead {
    const groupId = resolvePath(path);
    const { enforceRole } = this.#contract.read('GroupPatch', body);
    return {
      groupId,
      prepare: (version) => prepareEnforceRole(groupId, enforceRole ?? undefined, this.#around(version)),
    };
  }

  /** DELETE: the group with all in it. */
  remove(path: string): GroupRequestRead {
    const groupId = resolvePath(path);
    return { groupId, prepare: stepwise((version) => prepareRemoval(groupId, this.#around(version))) };
  }

  #around(version: Timestamp): PreparingAround {
    return { view: this.#registry.prospect, settings: this.#settings, version };
  }

  #read(path: string, body: unknown): { groupId: string; request: GroupRequest } {
    const input = this.#contract.read('GroupUpdate', body);
    const groupId = resolvePath(input.id ?? '', resolvePath(path));
    const { groups } = this.#registry;
    const versionOf = (id: string): string | undefined => (groups.get(id) ? groups.versionOf(id) : undefined);
    return { groupId, request: readGroupRequest(input, groupId, versionOf) };
  }

  #prepare(groupId: string, request: GroupRequest): Promise<PrepareTree> {
    switch (request.kind) {
      case 'restore':
        return this.#restore(groupId, request.version);
      case 'scale':
        return Promise.resolve(
          stepwise((version) => prepareScale(groupId, request.by, this.#around(version))),
        );
      case 'structure':
        return this.#structure(groupId, request.parts);
    }
  }

  async #structure(groupId: string, parts: readonly GroupPart[]): Promise<PrepareTree> {
    const definitions = parts.flatMap(({ apps = [] }) =>
      apps.map(({ id, at, input }): Definition => ({ id, at, input, mode: 'replace', mayCreate: true })),
    );
    const tooMany = Math.max(definitions.length, parts.length);
    if (tooMany > MAX_BULK_APPS) {
      throw new CatalogError('invalid-argument', {
        reason: `got ${tooMany} ${tooMany === definitions.length ? 'apps' : 'groups'}, expected ${MAX_BULK_APPS} or less`,
        hint: 'Send the groups one by one.',
      });
    }
    const ahead = await this.#ahead(definitions);
    return stepwise((version) => prepareStructure(groupId, parts, ahead, this.#around(version)));
  }

  async #restore(groupId: string, text: string): Promise<PrepareTree> {
    const version = parseTimestamp(text);
    const hint = `GET /v2/groups${groupId === '/' ? '' : groupId}/versions lists the versions kept.`;
    if (!version) {
      const reason = `Invalid timestamp provided '${text.slice(0, 100)}'. Expecting ISO-8601 datetime string.`;
      throw new CatalogError('invalid-argument', { reason, hint });
    }
    const snapshot = await this.#registry.groups.at(groupId, version);
    if (!snapshot) {
      const reason = `Group ${groupId} not available in version ${version}`;
      throw new CatalogError('invalid-argument', { reason, hint });
    }
    const ahead = await this.#ahead(restoredDefinitions(snapshot, this.#registry.prospect));
    return stepwise((now) => prepareRestore(groupId, snapshot, ahead, this.#around(now)));
  }

  /** Reads definitions before their turn, in slices: the event loop is never held for long. */
  async #ahead(definitions: Iterable<Definition>): Promise<readonly Definition[]> {
    const ahead: Definition[] = [];
    for (const definition of definitions) {
      ahead.push(readAhead(definition, this.#registry.prospect, this.#settings));
      if (ahead.length % SLICE === 0) await new Promise<void>((next) => setImmediate(next));
    }
    return ahead;
  }
}

/** What a group is without each of its members. */
const groupDefaults: ReadonlyMap<string, unknown> = new Map<string, unknown>([
  ['apps', []],
  ['groups', []],
  ['dependencies', []],
  ['enforceRole', false],
]);

/** A merge patch's nulls as the values that they mean; the `id` is the path's. */
function withDefaults(body: unknown): unknown {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return body;
  const members = Object.entries(body)
    .filter(([name]) => name !== 'id')
    .map(([name, value]) => [name, value === null ? groupDefaults.get(name) : value]);
  return Object.fromEntries(members);
}
