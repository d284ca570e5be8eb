import type { StoreWrite } from '../store/state-store.js';
import type { Timestamp } from '../util/timestamp.js';
import type { AppId, AppRecord } from './app.js';

/** A change of what is wanted, already normalised, validated, ports and versions assigned: old and new record per app. */
export interface AppChange {
  readonly appId: AppId;
  /** Undefined: the app is created. */
  readonly before: AppRecord | undefined;
  /** Undefined: the app is deleted. */
  readonly after: AppRecord | undefined;
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
  writesFor(changes: readonly AppChange[]): readonly StoreWrite[];
  apply(changes: readonly AppChange[]): void;
  /**
   * Lays prepared changes, not yet durable, under the next `prepare`: it sees their records, service ports, groups and
   * dependencies, so that several changes fit in one store batch. Readers (`get`, `all`, listeners) see nothing of it.
   * Each staged set ends in `apply` (the batch is durable) or `unstage` (it was refused) with the very same changes.
   */
  stage?(changes: readonly AppChange[]): void;
  /** Takes staged changes back; several sets are taken back newest first. */
  unstage?(changes: readonly AppChange[]): void;
  /** Told after `apply`, once per call. */
  onChange(listener: (changes: readonly AppChange[]) => void): () => void;
}
