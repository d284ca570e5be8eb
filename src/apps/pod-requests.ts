import type { Contract } from '../api/contract/load-contract.js';
import { CatalogError } from '../errors/registry.js';
import type { AppId } from './app.js';
import type { DefinitionSettings } from './app-input.js';
import { withRolesOf } from './decide/app-roles.js';
import { podClashes } from './decide/pods/pod-clashes.js';
import { readPod, refusePod } from './decide/pods/read-pod.js';
import type { GroupRecord } from './group.js';
import { resolvePath } from './path.js';

export interface PodRequestsDependencies {
  readonly registry: {
    get(appId: AppId): unknown;
    readonly groups: { get(groupId: string): Pick<GroupRecord, 'enforceRole'> | undefined };
  };
  readonly contract: Contract;
  readonly settings: DefinitionSettings;
}

/**
 * Requests about pods, judged in full and then refused: the engine runs none yet, so nothing is stored and reads find
 * none. Throws CatalogError: `invalid-json` for the shape, `invalid-object` for the rules and for an id that an app or a
 * group has, else `unsupported`.
 */
export class PodRequests {
  constructor(private readonly dependencies: PodRequestsDependencies) {}

  /** POST: a new pod. */
  create(body: unknown): never {
    return this.#judge(body, undefined);
  }

  /** PUT: a new or changed pod. `podId`: the id in the URL; another in the body is `bad-request`. */
  replace(podId: string, body: unknown): never {
    return this.#judge(body, resolvePath(podId));
  }

  /** The body of a request to kill several instances. */
  instanceIds(body: unknown): readonly string[] {
    return this.dependencies.contract.read('PodInstanceIds', body);
  }

  #judge(body: unknown, expected: string | undefined): never {
    const { contract, registry, settings } = this.dependencies;
    const input = contract.read('PodInput', body);
    const id = resolvePath(input.id);
    const draft = readPod(
      input,
      id,
      withRolesOf(settings, id, undefined, (path) => registry.groups.get(path)),
    );
    if (expected !== undefined && id !== expected) {
      const reason = `'${expected}' does not match definition's id ('${id}')`;
      throw new CatalogError('bad-request', { reason, hint: 'The id in the body is that in the URL.' });
    }
    const clashes = podClashes(id, {
      isApp: (path) => registry.get(path as AppId) !== undefined,
      isGroup: (path) => registry.groups.get(path) !== undefined,
    });
    if (clashes.length > 0) throw new CatalogError('invalid-object', {}, clashes);
    return refusePod(draft);
  }
}
