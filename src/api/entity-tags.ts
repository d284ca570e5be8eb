import { createHash } from 'node:crypto';
import type { Request, Response } from 'express';
import type { AppId } from '../apps/app.js';
import { CatalogError } from '../errors/registry.js';
import type { Timestamp } from '../util/timestamp.js';
import type { ApiOptions } from './api-context.js';
import {
  entityTag,
  failedPrecondition,
  isConditional,
  isUnchanged,
  type WriteConditions,
} from './decide/entity-tag.js';
import { accessOf } from './middleware/access.js';

/** What a write changes, as far as preconditions ask. */
export type WriteTarget =
  | { readonly app: AppId }
  /** A group and all in it; `/` for writes that name several apps. */
  | { readonly group: string };

type Sources = Pick<ApiOptions, 'registry' | 'scheduler' | 'events' | 'dice'>;

/** Digits of the hash of what is small and has no counter of its own. */
const HASH_DIGITS = 10;

/**
 * Entity tags, made from versions and counters: nothing large is ever hashed.
 *
 * INVARIANTS
 * - Whatever changes an app's instances, an app, a group or a deployment moves a counter before anybody can read it.
 * - Counters only grow; tags of another process (another boot) match none of this one's.
 */
export class EntityTags {
  readonly #boot: string;
  #generation = 0;
  readonly #ofApp = new Map<AppId, number>();
  readonly #unsubscribe: readonly (() => void)[];

  constructor(private readonly sources: Sources) {
    this.#boot = Math.floor(sources.dice.random() * 36 ** 6).toString(36);
    this.#unsubscribe = [
      sources.registry.onChange((changes) => {
        this.#generation += 1;
        for (const { appId, after } of changes) if (!after) this.#ofApp.delete(appId);
      }),
      sources.scheduler.instances.onChange(({ before, after }) => {
        const instance = after ?? before;
        if (instance) this.#ofApp.set(instance.appId, ++this.#generation);
      }),
      sources.events.subscribe(() => void this.#generation++),
    ];
  }

  stop(): void {
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
  }

  /** `shown`: the small parts of the answer that have no counter. `timeless` false: the answer differs each time. */
  app(request: Request, appId: AppId, version: Timestamp, shown: unknown, timeless: boolean): string {
    const generation = timeless ? (this.#ofApp.get(appId) ?? 0) : `t${++this.#generation}`;
    return entityTag(version, `${this.#boot}.${generation}.${hashOf([principalOf(request), shown])}`);
  }

  /** Of anything that shows the state of several apps in a group. */
  list(request: Request, groupId: string, timeless = true): string {
    const version = this.sources.registry.groups.versionOf(groupId);
    const generation = timeless ? this.#generation : `t${++this.#generation}`;
    return entityTag(version, `${this.#boot}.${generation}.${hashOf(principalOf(request))}`);
  }

  /** The part that writes compare; undefined when there is nothing there. */
  definition(target: WriteTarget): string | undefined {
    const { registry } = this.sources;
    if ('app' in target) {
      const record = registry.get(target.app);
      return record && entityTag(record.app.version);
    }
    return registry.groups.get(target.group) && entityTag(registry.groups.versionOf(target.group));
  }

  /** Names the tag in the answer; true when that is all the answer there is, since the client has it (304). */
  answeredUnchanged(request: Request, response: Response, tag: string): boolean {
    response.setHeader('ETag', tag);
    if (!isUnchanged(request.headers['if-none-match'], tag)) return false;
    response.statusCode = 304;
    response.end();
    return true;
  }

  /** Whether a request has conditions that look at more than one app. */
  looksAround(request: Request, target: WriteTarget): boolean {
    return 'group' in target && isConditional(conditionsOf(request));
  }

  /** Throws `precondition-failed`, with the current tag in head and body, when the request expects something else. */
  check(request: Request, response: Response, target: WriteTarget): void {
    const conditions = conditionsOf(request);
    if (!isConditional(conditions)) return;
    const current = this.definition(target);
    const reason = failedPrecondition(conditions, current);
    if (reason === undefined) return;
    if (current !== undefined) response.setHeader('ETag', current);
    throw new CatalogError('precondition-failed', { reason }, undefined, {
      ...(current === undefined ? {} : { currentETag: current }),
    });
  }
}

function conditionsOf(request: Request): WriteConditions {
  return { ifMatch: request.headers['if-match'], ifNoneMatch: request.headers['if-none-match'] };
}

/** Two callers may see different parts of one list. */
function principalOf(request: Request): string {
  return accessOf(request).principal.name;
}

function hashOf(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, HASH_DIGITS);
}
