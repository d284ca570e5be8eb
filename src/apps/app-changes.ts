import type { Contract } from '../api/contract/load-contract.js';
import { CatalogError } from '../errors/registry.js';
import { type Stepwise, stepwise } from '../util/steps.js';
import { parseTimestamp, type Timestamp } from '../util/timestamp.js';
import type { AppId, AppRecord } from './app.js';
import type { AppInput } from './app-input.js';
import type { AppsView } from './apps-view.js';
import { versionRequest } from './decide/merge-app.js';
import { isPatchObject, patchedDefinition } from './decide/merge-patch.js';
import {
  type AppAfter,
  type ChangeSettings,
  type Definition,
  prepareDefinitions,
  prepareDelete,
  prepareRestart,
  prepareScaleDown,
  prepareTree,
  readAhead,
  rollbackDefinition,
} from './decide/prepare-changes.js';
import { prefixed } from './decide/read-definition.js';
import { resolvePath } from './path.js';

/** What `Deployments.change` runs at the moment of acceptance: synchronous and pure, of many apps in steps. */
export type Prepare = Stepwise<Timestamp, readonly AppAfter[]>;

/** What changes need of the registry. */
export interface ChangeableApps {
  readonly prospect: AppsView;
  get(appId: AppId): AppRecord | undefined;
  version(appId: AppId, version: Timestamp): Promise<AppRecord | undefined>;
}

export interface AppChangesDependencies {
  readonly registry: ChangeableApps;
  readonly contract: Contract;
  readonly settings: ChangeSettings;
}

/** Most apps in one bulk request. */
export const MAX_BULK_APPS = 1_000;
/** Apps of a bulk request that are read, normalised and validated in one turn of the event loop. */
const BULK_SLICE = 50;

/**
 * From requests to prepared changes. Each function checks the body's shape at once (CatalogError `invalid-json`) and
 * returns what prepares the change against the apps as they are when it is accepted; that throws `invalid-object`,
 * `app-exists`, `app-not-found` or `service-ports-exhausted`. Bodies are parsed JSON, nothing more.
 */
export class AppChanges {
  readonly #registry: ChangeableApps;
  readonly #contract: Contract;
  readonly #settings: ChangeSettings;

  constructor({ registry, contract, settings }: AppChangesDependencies) {
    this.#registry = registry;
    this.#contract = contract;
    this.#settings = settings;
  }

  /** Whether anything reads a member of that name in a definition, an answer of ours sent back included. */
  knowsField(name: string): boolean {
    return (['AppUpdate', 'AppInfo'] as const).some((shape) => this.#contract.membersOf(shape).has(name));
  }

  /** POST: a complete definition of a new app. */
  createApp(body: unknown): Prepare {
    const input = this.#contract.read('AppInput', body);
    return this.#prepare([{ id: resolvePath(input.id), input, at: '', mode: 'create', mayCreate: true }]);
  }

  /** Bulk PUT: changes existing apps, creates missing ones. */
  replaceApps(body: unknown, options: { readonly partialUpdate: boolean }): Promise<Prepare> {
    if (options.partialUpdate) return this.#bulk(this.#contract.read('AppUpdateList', body), 'merge', true);
    return this.#bulk(this.#contract.read('AppInputList', body), 'replace', true);
  }

  /** Bulk PATCH: every app must exist. */
  patchApps(body: unknown): Promise<Prepare> {
    return this.#bulk(this.#contract.read('AppUpdateList', body), 'merge', false);
  }

  /**
   * PUT or PATCH of one app; an id in the body does not count. Rejects with `app-version-not-found` when the body asks
   * for a rollback to a version that is not kept.
   */
  async updateApp(
    appId: AppId,
    body: unknown,
    options: { readonly partialUpdate: boolean; readonly mayCreate: boolean },
  ): Promise<Prepare> {
    const input = this.#contract.read('AppUpdate', body);
    const mode = options.partialUpdate ? 'merge' : 'replace';
    const id = resolvePath(appId);
    return this.#prepare([await this.#definition({ id, input, at: '', mode, mayCreate: options.mayCreate })]);
  }

  /**
   * JSON merge patch (RFC 7396) of what is there at the moment of acceptance: null takes a field back to its default, arrays
   * are replaced. The result is read as a complete definition. An `id` in the patch does not count, nor does the app's own
   * `version`; another version is refused.
   */
  mergePatchApp(appId: AppId, patch: unknown): Prepare {
    if (!isPatchObject(patch)) {
      const hint = 'A JSON merge patch of an app is an object; null removes a field.';
      throw new CatalogError('invalid-json', {}, [{ path: '/', errors: ['error.expected.jsobject'], hint }]);
    }
    const id = resolvePath(appId);
    return (version) => {
      const before = this.#registry.prospect.get(id as AppId);
      if (!before) throw new CatalogError('app-not-found', { id });
      const input = this.#contract.read('AppInput', patchedDefinition(before.app, patch));
      const definition: Definition = { id, input, at: '', mode: 'replace', mayCreate: false };
      return prepareDefinitions([definition], this.#registry.prospect, this.#settings, version);
    };
  }

  deleteApp(appId: AppId): Prepare {
    return () => prepareDelete(appId, this.#registry.prospect);
  }

  restartApp(appId: AppId): Prepare {
    return (version) => prepareRestart(appId, this.#registry.prospect, this.#settings, version);
  }

  /** Kill-and-scale: `count` instances fewer. */
  scaleDown(appId: AppId, count: number): Prepare {
    return this.scaleAppsDown(new Map([[appId, count]]));
  }

  /** As `scaleDown`, for several apps in one deployment. */
  scaleAppsDown(fewer: ReadonlyMap<AppId, number>): Prepare {
    return (version) => prepareScaleDown(fewer, this.#registry.prospect, version);
  }

  #prepare(definitions: readonly Definition[]): Prepare {
    const { prospect } = this.#registry;
    if (definitions.length < BULK_SLICE)
      return (version) => prepareDefinitions(definitions, prospect, this.#settings, version);
    const tree = { definitions, removed: new Set<AppId>(), groups: [] };
    return stepwise((version) => prepareTree(tree, prospect, this.#settings, version));
  }

  async #bulk(inputs: readonly AppInput[], mode: 'merge' | 'replace', mayCreate: boolean): Promise<Prepare> {
    if (inputs.length > MAX_BULK_APPS) {
      const reason = `got ${inputs.length} apps, expected ${MAX_BULK_APPS} or less`;
      throw new CatalogError('invalid-argument', { reason, hint: 'Send them in several requests.' });
    }
    const seen = new Set<string>();
    const definitions: Definition[] = [];
    for (const [index, input] of inputs.entries()) {
      if (input.id === null || input.id === undefined) {
        throw new CatalogError('invalid-argument', {
          reason: 'requirement failed: App Update must have app id set',
          hint: `Element ${index} has no \`id\`.`,
        });
      }
      const at = `/(${index})`;
      const id = resolvePath(input.id);
      if (seen.has(id)) throw duplicateId(at, id);
      seen.add(id);
      const definition = await this.#definition({ id, input, at, mode, mayCreate });
      definitions.push(readAhead(definition, this.#registry.prospect, this.#settings));
      if (index % BULK_SLICE === BULK_SLICE - 1) await new Promise<void>((next) => setImmediate(next));
    }
    return this.#prepare(definitions);
  }

  /** Reads the stored version when a partial update asks for a rollback. */
  async #definition(definition: Definition): Promise<Definition> {
    if (definition.mode !== 'merge') return definition;
    const request = versionRequest(definition.input, undefined);
    if (request.kind !== 'rollback') return definition;
    const { id, at } = definition;
    const version = parseTimestamp(request.version);
    if (!version) {
      throw new CatalogError('invalid-argument', {
        reason: `Invalid timestamp provided '${request.version.slice(0, 100)}'. Expecting ISO-8601 datetime string.`,
        hint: `GET /v2/apps${id}/versions lists the versions kept.`,
      });
    }
    const appId = id as AppId;
    if (!this.#registry.get(appId)) throw new CatalogError('app-not-found', { id });
    const source = await this.#registry.version(appId, version);
    if (!source) throw new CatalogError('app-version-not-found', { id, version });
    return rollbackDefinition(source, at);
  }
}

function duplicateId(at: string, id: string): CatalogError {
  return new CatalogError('invalid-object', {}, [
    {
      path: prefixed(at, '/id'),
      errors: ['must be unique'],
      code: 'duplicate',
      hint: `${id} is named twice in one request.`,
    },
  ]);
}
