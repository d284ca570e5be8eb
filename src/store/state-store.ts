/**
 * The one durable thing. Asynchronous on purpose: lmdb and memory now, Redis and ZooKeeper later, one contract suite.
 *
 * INVARIANTS
 * - `commit` resolves only when the whole batch is durable (flushed); a batch is applied whole or not at all.
 * - Batches are applied in the order of their `commit` calls.
 * - A batch with an epoch lower than the highest ever committed is refused (`stale-epoch`): a deposed leader cannot write.
 * - A record that does not match its checksum is never returned: reading it fails with `corrupt-record`.
 */
export interface StateStore {
  /** Opens (creating if absent), checks the format version, migrates after an automatic backup. */
  open(): Promise<void>;
  /** The value under `key`, undefined when absent. */
  get(key: string): Promise<unknown>;
  /**
   * Every record whose key starts with `prefix`, in key order. Values are plain JSON values. With `onCorrupt` a record that
   * does not match its checksum is told and left out (it stays where it is); without it the scan rejects with `corrupt-record`.
   */
  scan(prefix: string, options?: ScanOptions): AsyncIterable<StoreRecord>;
  /** Applies all writes atomically; resolves when they are durable. Rejects with StoreError and applies nothing. */
  commit(batch: StoreBatch): Promise<void>;
  /** Whether writes work right now; changes are told to `onHealth` listeners. */
  health(): StoreHealth;
  onHealth(listener: (health: StoreHealth) => void): () => void;
  /**
   * Writes a consistent copy of everything to one file (created with mode 0600, atomically renamed into place). Records
   * that are corrupt are left out and logged.
   */
  backup(file: string): Promise<void>;
  /** Flushes and closes. Idempotent. */
  close(): Promise<void>;
}

export interface StoreRecord {
  readonly key: string;
  readonly value: unknown;
}

/** A record that cannot be read back, and why. */
export interface CorruptRecord {
  readonly key: string;
  readonly problem: string;
}

export interface ScanOptions {
  readonly onCorrupt?: (record: CorruptRecord) => void;
}

/** `epoch`: the writer's leadership epoch (1 on a single node). */
export interface StoreBatch {
  readonly epoch: number;
  readonly writes: readonly StoreWrite[];
}

export type StoreWrite =
  | {
      readonly op: 'put';
      readonly key: string;
      readonly value: unknown;
      /** Of about how many parts, each like a record of its own, a large value is made: it is encoded in slices. */
      readonly parts?: number;
    }
  | { readonly op: 'delete'; readonly key: string };

export type StoreHealth =
  | { readonly writable: true }
  | { readonly writable: false; readonly code: StoreErrorCode; readonly message: string };

export type StoreErrorCode =
  | 'disk-full'
  | 'read-only'
  | 'out-of-descriptors'
  | 'flush-failed'
  | 'stale-epoch'
  | 'corrupt-record'
  | 'format-too-new'
  | 'closed'
  | 'store-failed';

export class StoreError extends Error {
  override readonly name = 'StoreError';
  constructor(
    readonly code: StoreErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** Key prefixes. An id is written as it is; `/` inside app ids is fine. One room owns each prefix. */
export const keys = {
  /** apps room: the current record of an app. */
  app: (appId: string): string => `app!${appId}`,
  /** apps room: one stored version of an app. */
  appVersion: (appId: string, version: string): string => `app-version!${appId}!${version}`,
  /** apps room: what is kept of a deleted app's past, for the groups it was in. */
  appTombstone: (appId: string): string => `app-tombstone!${appId}`,
  /** apps room: a group's record and its past. */
  group: (groupId: string): string => `group!${groupId}`,
  /** deployments room: a running plan. */
  deployment: (id: string): string => `deployment!${id}`,
  /** scheduler room: one instance. */
  instance: (instanceId: string): string => `instance!${instanceId}`,
  /** scheduler room: the last failure of an app's task. */
  taskFailure: (appId: string): string => `task-failure!${appId}`,
  /** scheduler room: framework id and the like. */
  framework: (): string => 'framework!id',
  /** scheduler room: the framework id once more; without it every task would be taken for lost. */
  frameworkCopy: (): string => 'framework!id-copy',
  /** embedded master's registrar: admitted agents, unreachable, gone, by agent id. */
  registry: (agentId: string): string => `registry!${agentId}`,
  /** auth room: a token's hash, name and grants, by token id. */
  token: (tokenId: string): string => `token!${tokenId}`,
  /** secrets room: a secret, its value sealed, by its path. */
  secret: (path: string): string => `secret!${path}`,
  /** certificates room: a certificate, its key sealed, by its name. */
  certificate: (name: string): string => `certificate!${name}`,
  /** certificates room: the account at an ACME certificate authority, its key sealed. */
  acmeAccount: (): string => 'acme-account',
  /** secrets room: an app that is to be restarted for a changed secret. */
  secretRestart: (appId: string): string => `secret-restart!${appId}`,
  /** auth room: one entry of the audit trail, in order of its number; without a number the prefix of them all. */
  audit: (seq?: number): string => `audit!${seq === undefined ? '' : String(seq).padStart(15, '0')}`,
  /** history room: a deployment that is over, in order of its number; without a number the prefix of them all. */
  endedDeployment: (seq?: number): string =>
    `ended-deployment!${seq === undefined ? '' : String(seq).padStart(15, '0')}`,
  /** history room: a task that is over, by its app and number; without both the prefix of them all. */
  endedTask: (appId?: string, seq?: number): string =>
    `ended-task!${appId === undefined || seq === undefined ? '' : `${appId}!${String(seq).padStart(15, '0')}`}`,
  /** history room: the last lines that such a task wrote. */
  endedTaskOutput: (appId: string, seq: number): string =>
    `ended-task-output!${appId}!${String(seq).padStart(15, '0')}`,
  /** history room: the last lines of such a task are still to be fetched. */
  endedTaskOutputDue: (seq?: number): string =>
    `ended-task-output-due!${seq === undefined ? '' : String(seq).padStart(15, '0')}`,
  /** usage room: which chunks are stored of an app's use; without an app the prefix of them all. */
  usage: (appId?: string): string => `usage!${appId ?? ''}`,
  /** usage room: some consecutive slots of an app's use. */
  usageChunk: (appId: string, resolution: string, index: number): string =>
    `usage-chunk!${appId}!${resolution}!${index}`,
  /** server room: counters and facts that outlive a restart (last version, event epoch, boot id). */
  meta: (name: string): string => `meta!${name}`,
} as const;
