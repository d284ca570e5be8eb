import type { StoreWrite } from '../store/state-store.js';
import type { Timestamp } from '../util/timestamp.js';
import type { AppId, AppRecord } from './app.js';
import type { ClaimsView } from './decide/route-conflicts.js';
import type { GroupAfter, GroupChange, GroupReadModel, GroupRecord } from './group.js';

/** A change of what is wanted, already normalised, validated, ports and versions assigned: old and new record per app. */
export interface AppChange {
  readonly appId: AppId;
  /** Undefined: the app is created. */
  readonly before: AppRecord | undefined;
  /** Undefined: the app is deleted. */
  readonly after: AppRecord | undefined;
}

/** What belongs to the changes of apps made in one request: its version, and the groups it changes. */
export interface TreeChange {
  /** Deletions and old records put back take effect from it on; a new record has it as its version. */
  readonly at: Timestamp;
  readonly groups: readonly GroupChange[];
}

/** What is kept of deleted apps and groups and not needed any more. */
export interface Pruning {
  readonly writes: readonly StoreWrite[];
  /** Told when the writes are durable. */
  done(): void;
}

/**
 * Read side of what is wanted, in memory. `apply` is called by the deployment service after the batch that holds
 * `writesFor(changes)` is durable; nothing else changes it.
 */
export interface AppRegistry {
  get(appId: AppId): AppRecord | undefined;
  all(): Iterable<AppRecord>;
  readonly size: number;
  /** Newest first. Undefined when the app does not exist. */
  versions(appId: AppId): readonly Timestamp[] | undefined;
  /** The record as of exactly that version; read from the store. */
  version(appId: AppId, version: Timestamp): Promise<AppRecord | undefined>;
  /** The writes that make `changes` durable, superseded versions beyond the limit included. Pure. */
  writesFor(changes: readonly AppChange[], tree?: TreeChange): readonly StoreWrite[];
  /** Without `tree`, no trace is kept of deleted apps. */
  apply(changes: readonly AppChange[], tree?: TreeChange): void;
  /**
   * Lays prepared changes, not yet durable, under the next `prepare`: it sees their records, service ports, groups and
   * dependencies, so that several changes fit in one store batch. Readers (`get`, `all`, listeners) see nothing of it.
   * Each staged set ends in `apply` (the batch is durable) or `unstage` (it was refused) with the very same changes.
   */
  stage?(changes: readonly AppChange[], tree?: TreeChange): void;
  /** Takes staged changes back; several sets are taken back newest first. */
  unstage?(changes: readonly AppChange[], tree?: TreeChange): void;
  readonly groups?: GroupReadModel;
  /** Who claims which hosts and service ports, staged changes included. */
  readonly routeClaims?: ClaimsView;
  /** A group's record, staged changes included. */
  prospectiveGroup?(groupId: string): GroupRecord | undefined;
  /**
   * The changes of groups that `wanted` and the apps' changes mean: those that come into being around new apps and
   * groups, and the empty one whose place an app takes. What changes nothing is left out.
   */
  completeGroups?(
    apps: readonly AppChange[],
    wanted: readonly GroupAfter[],
    at: Timestamp,
  ): readonly GroupChange[];
  /** A few records of deleted apps and groups that may go; asked once per batch, before it is committed. */
  prune?(): Pruning | undefined;
  /** Stored apps that cannot be read, with the reason: unknown, not deleted. A new app of that id takes the place of one. */
  readonly setAside?: ReadonlyMap<string, string>;
  /** Told after `apply`, once per call. */
  onChange(listener: (changes: readonly AppChange[]) => void): () => void;
}
