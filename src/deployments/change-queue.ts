import type { AppId, AppRecord } from '../apps/app.js';
import type { AppChange, AppRegistry, TreeChange } from '../apps/app-registry.js';
import { CatalogError } from '../errors/registry.js';
import type { Log } from '../logging/log.js';
import { keys, type StateStore, type StoreWrite } from '../store/state-store.js';
import { assert } from '../util/assert.js';
import type { Clock } from '../util/clock.js';
import type { Steps } from '../util/steps.js';
import type { Accepted, Deployment } from './deployment.js';
import type { DeploymentRun } from './deployment-run.js';

/** Longest stretch of preparing before the batch is sent off. */
const SLICE_MS = 8;
/** Apps of one change that the registry takes in one piece. */
const PIECE = 64;
const MAX_BATCH = 256;
/** Name of the fact that outlives a restart: the newest version ever given to a change. */
export const LAST_VERSION = 'last-version';

/** A change that passed every check, ready to be made durable. */
export interface AcceptedChange {
  readonly accepted: Accepted;
  readonly changes: readonly AppChange[];
  readonly tree: TreeChange;
  readonly writes: readonly StoreWrite[];
  /** The group to tell `group_change_success` for; undefined when no change was asked for. */
  readonly groupId: string | undefined;
  /** Undefined: nothing to orchestrate, it succeeds at once. */
  readonly deployment: Deployment | undefined;
  /** Apps that the change touches. */
  readonly apps: readonly AppId[];
  /** Frozen; they end when the change is durable, or go on when it is refused. */
  readonly cancels: readonly DeploymentRun[];
}

/** What the changes of one batch have claimed so far, before any of it is durable. */
export interface Batch {
  readonly apps: Set<AppId>;
  readonly groups: Set<string>;
  /** New records, not yet in the registry. */
  readonly records: Map<AppId, AppRecord | undefined>;
  readonly cancelled: Set<string>;
  /** Deployments that the batch adds, less those it cancels. */
  added: number;
}

export function emptyBatch(): Batch {
  return { apps: new Set(), groups: new Set(), records: new Map(), cancelled: new Set(), added: 0 };
}

export interface ChangeRequest {
  /**
   * What goes before `check` and would hold the event loop for too long in one piece: done when the change is the first in
   * line and nothing is staged, so that nothing it rests on changes until the check. Throws to refuse.
   */
  readonly ahead?: () => Steps<void>;
  /**
   * Synchronous. Throws to refuse; `later`: it touches what this very batch touches and is tried again in the next. Of a
   * request with `ahead` it is the first of its batch.
   */
  readonly check: (batch: Batch) => AcceptedChange | 'later';
}

interface Ticket {
  /** Without `check`: it only looks, and is over once `ahead` is done. */
  readonly request: Pick<ChangeRequest, 'ahead'> & Partial<ChangeRequest>;
  isPrepared: boolean;
  readonly resolve: (accepted: Accepted | undefined) => void;
  readonly reject: (error: unknown) => void;
}

interface Entry {
  readonly ticket: Ticket;
  readonly change: AcceptedChange;
}

export interface ChangeQueueSurroundings {
  readonly store: StateStore;
  readonly epoch: number;
  readonly registry: AppRegistry;
  readonly clock: Clock;
  readonly log: Log;
  readonly maxQueued: number;
  /** Durable, and about to be taken by the registry. Answers what is to be done once it has all of it. */
  readonly committed: (change: AcceptedChange) => () => void;
  /** The store refused it; nothing has changed. */
  readonly refused: (change: AcceptedChange, error: unknown) => void;
}

/**
 * The one line in which all changes stand. Whatever waits is checked one after the other, each on top of those before
 * it (staged in the registry), and made durable by one store batch; while that is flushed the next ones gather.
 *
 * INVARIANTS
 * - Changes of one app never share a batch: the second one sees the first durable.
 * - Memory changes only after the batch is durable; a refused batch leaves no trace.
 * - While a change is prepared in slices nothing is staged and nothing is applied: the line is the registry's only writer.
 * - The registry takes a change of many apps in pieces. Its apps are locked before and its plan begins after: nobody acts
 *   upon half of it.
 */
export class ChangeQueue {
  readonly #waiting: Ticket[] = [];
  #draining = false;
  #stopped = false;
  /** When this turn of the event loop has lasted long enough. */
  #turnEndsMs = 0;

  constructor(private readonly around: ChangeQueueSurroundings) {}

  async submit(request: ChangeRequest): Promise<Accepted> {
    const accepted = await this.#enter(request);
    assert(accepted, 'a change that is over was accepted');
    return accepted;
  }

  /** Does work, when its turn has come and nothing is staged, that changes nothing. Rejects as `submit` does. */
  async look<Result>(work: () => Steps<Result>): Promise<Result> {
    const results: Result[] = [];
    await this.#enter({
      ahead: function* () {
        results.push(yield* work());
      },
    });
    return results[0] as Result;
  }

  #enter(request: Ticket['request']): Promise<Accepted | undefined> {
    if (this.#stopped) return Promise.reject(new CatalogError('starting'));
    if (this.#waiting.length >= this.around.maxQueued) return Promise.reject(new CatalogError('too-busy'));
    return new Promise((resolve, reject) => {
      this.#waiting.push({ request, isPrepared: request.ahead === undefined, resolve, reject });
      if (this.#draining) return;
      this.#draining = true;
      // A turn's end, so that changes submitted together share a flush.
      queueMicrotask(() => void this.#drain());
    });
  }

  /** Refuses what waits; a batch that is being flushed still gets its answer. */
  stop(): void {
    this.#stopped = true;
    for (const ticket of this.#waiting.splice(0)) ticket.reject(new CatalogError('starting'));
  }

  async #drain(): Promise<void> {
    this.#beginTurn();
    for (let first = this.#waiting[0]; first; first = this.#waiting[0]) {
      if (!(await this.#prepared(first))) continue;
      const entries = await this.#gather();
      const writes = entries.flatMap(({ change }) => change.writes);
      const pruning = writes.length > 0 ? this.around.registry.prune?.() : undefined;
      try {
        if (writes.length > 0) {
          await this.around.store.commit({
            epoch: this.around.epoch,
            writes: [...writes, ...(pruning?.writes ?? []), ...lastVersion(entries)],
          });
          this.#beginTurn();
        } else if (this.#waiting.length > 0) await this.#otherWork();
      } catch (error) {
        await this.#undo(entries, error);
        continue;
      }
      pruning?.done();
      for (const entry of entries) {
        const { changes } = entry.change;
        if (changes.length > PIECE) await this.#concludeInPieces(entry);
        else this.#conclude(entry);
      }
    }
    this.#draining = false;
  }

  /** Does what the first in line needs before its check, in slices. False when it was refused meanwhile. */
  async #prepared(first: Ticket): Promise<boolean> {
    const { ahead } = first.request;
    if (first.isPrepared || !ahead) return true;
    const { clock } = this.around;
    try {
      const steps = ahead();
      while (!steps.next().done) {
        if (clock.monotonicMs() <= this.#turnEndsMs) continue;
        await this.#otherWork();
        if (this.#waiting[0] !== first) return false;
      }
    } catch (error) {
      this.#waiting.shift();
      first.reject(error);
      if (clock.monotonicMs() > this.#turnEndsMs) await this.#otherWork();
      return false;
    }
    if (!first.request.check) {
      this.#waiting.shift();
      first.resolve(undefined);
      return false;
    }
    first.isPrepared = true;
    return true;
  }

  /** Changes that all turn out to change nothing, or are all refused, must not keep the event loop. */
  async #otherWork(): Promise<void> {
    await new Promise<void>((done) => {
      this.around.clock.after(0, done);
    });
    this.#beginTurn();
  }

  #beginTurn(): void {
    this.#turnEndsMs = this.around.clock.monotonicMs() + SLICE_MS;
  }

  async #gather(): Promise<Entry[]> {
    const { registry, clock } = this.around;
    const batch = emptyBatch();
    const entries: Entry[] = [];
    // Without staging a second `prepare` would not see the first one's service ports.
    const limit = registry.stage && registry.unstage ? MAX_BATCH : 1;
    const until = clock.monotonicMs() + SLICE_MS;
    while (entries.length < limit && clock.monotonicMs() <= until) {
      const ticket = this.#waiting[0];
      // One that is not prepared yet opens a batch of its own.
      if (!ticket?.isPrepared || !ticket.request.check) break;
      let change: AcceptedChange | 'later';
      try {
        change = ticket.request.check(batch);
      } catch (error) {
        this.#waiting.shift();
        ticket.reject(error);
        continue;
      }
      if (change === 'later') {
        assert(entries.length > 0, 'a change that is alone in its batch cannot collide with it');
        break;
      }
      this.#waiting.shift();
      claim(batch, change);
      entries.push({ ticket, change });
      if (!changesTree(change)) continue;
      if (change.changes.length > PIECE) {
        await this.#inPieces(piecesOf(change), (piece) => registry.stage?.(piece.changes, piece.tree));
        break;
      }
      registry.stage?.(change.changes, change.tree);
    }
    return entries;
  }

  #conclude(entry: Entry): void {
    const { ticket, change } = entry;
    try {
      const goOn = this.around.committed(change);
      if (changesTree(change)) this.around.registry.apply(change.changes, change.tree);
      goOn();
      ticket.resolve(change.accepted);
    } catch (error) {
      this.#failed(entry, error);
    }
  }

  async #concludeInPieces(entry: Entry): Promise<void> {
    const { ticket, change } = entry;
    const { registry, committed } = this.around;
    try {
      const goOn = committed(change);
      await this.#inPieces(piecesOf(change), ({ changes, tree }) => registry.apply(changes, tree));
      goOn();
      ticket.resolve(change.accepted);
    } catch (error) {
      this.#failed(entry, error);
    }
  }

  #failed({ ticket, change }: Entry, error: unknown): void {
    this.around.log.error('a durable change failed to take effect in memory', {
      deployment: change.accepted.deploymentId,
      error: error instanceof Error ? error.stack : String(error),
    });
    ticket.reject(error);
  }

  async #undo(entries: readonly Entry[], error: unknown): Promise<void> {
    const { registry } = this.around;
    for (const { ticket, change } of [...entries].reverse()) {
      const pieces = changesTree(change) ? [...piecesOf(change)].reverse() : [];
      await this.#inPieces(pieces, ({ changes, tree }) => registry.unstage?.(changes, tree));
      this.around.refused(change, error);
      ticket.reject(error);
    }
  }

  /** One after the other; others have their turn between two when this one has lasted long enough. */
  async #inPieces(pieces: Iterable<TreePiece>, take: (piece: TreePiece) => void): Promise<void> {
    for (const piece of pieces) {
      if (this.around.clock.monotonicMs() > this.#turnEndsMs) await this.#otherWork();
      take(piece);
    }
  }
}

type TreePiece = Pick<AcceptedChange, 'changes' | 'tree'>;

/** A change in pieces that the registry takes quickly; its groups come with the last one. */
function* piecesOf({ changes, tree }: TreePiece): Iterable<TreePiece> {
  const last = Math.max(0, Math.ceil(changes.length / PIECE) - 1) * PIECE;
  for (let from = 0; from < last; from += PIECE)
    yield { changes: changes.slice(from, from + PIECE), tree: { at: tree.at, groups: [] } };
  yield { changes: changes.slice(last), tree };
}

/**
 * The newest version given away: neither a deletion nor a rollback keeps theirs in a record of an app. Who only stops a
 * deployment is given none: what it is answered is that deployment's, which may be older than what is stored.
 */
function lastVersion(entries: readonly Entry[]): readonly StoreWrite[] {
  const given = entries.flatMap(({ change }) =>
    change.groupId === undefined ? [] : change.accepted.version,
  );
  const newest = given.sort().at(-1);
  return newest === undefined ? [] : [{ op: 'put', key: keys.meta(LAST_VERSION), value: newest }];
}

function changesTree({ changes, tree }: AcceptedChange): boolean {
  return changes.length > 0 || tree.groups.length > 0;
}

function claim(batch: Batch, change: AcceptedChange): void {
  for (const { groupId } of change.tree.groups) batch.groups.add(groupId);
  for (const { appId, after } of change.changes) batch.records.set(appId, after);
  for (const appId of change.apps) batch.apps.add(appId);
  for (const run of change.cancels) batch.cancelled.add(run.id);
  batch.added += (change.deployment ? 1 : 0) - change.cancels.length;
}
