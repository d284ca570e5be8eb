import type { AppId } from '../apps/app.js';
import type { DeploymentEnd, DeploymentMemory } from '../deployments/deployment.js';
import type { LightPlan } from '../deployments/deployment-events.js';
import type { Log } from '../logging/log.js';
import { getUnlessCorrupt } from '../store/get-unless-corrupt.js';
import { keys, type StateStore, type StoreWrite } from '../store/state-store.js';
import { type EndedDeployment, MAX_KEPT_ACTIONS } from './ended-deployment.js';
import { HistoryIndex } from './history-index.js';

export interface DeploymentHistoryOptions {
  readonly store: Pick<StateStore, 'get' | 'scan'>;
  /** Most deployments that are remembered. */
  readonly capacity: number;
  readonly log: Log;
}

export interface HistoryPage<Entry> {
  readonly entries: readonly Entry[];
  /** To be given as `after` to read on; undefined at the end. */
  readonly next: number | undefined;
}

const ALL = 'all';

/**
 * The deployments that are over: durable with their very end, bounded, newest first.
 *
 * INVARIANT: what `remember` answers goes into the batch that ends the deployment, so no end is told without being
 * remembered, and none remembered that did not happen.
 */
export class DeploymentHistory implements DeploymentMemory {
  readonly #index: HistoryIndex<typeof ALL>;
  readonly #seqs = new Map<string, number>();
  readonly #ids = new Map<number, string>();

  constructor(private readonly options: DeploymentHistoryOptions) {
    this.#index = new HistoryIndex({ perOwner: options.capacity, overall: options.capacity });
  }

  /** Finds what is stored. Rejects with StoreError when the store cannot be read. */
  async start(): Promise<void> {
    const onCorrupt = ({ key, problem }: { key: string; problem: string }): void =>
      this.options.log.error('the record of an ended deployment cannot be read; it is left out', {
        key,
        problem,
      });
    const found: EndedDeployment[] = [];
    for await (const { value } of this.options.store.scan(keys.endedDeployment(), { onCorrupt }))
      found.push(value as EndedDeployment);
    this.#index.load(found.map(({ seq }) => ({ owner: ALL, seq })));
    for (const { id, seq } of found) this.#note(id, seq);
  }

  remember(end: DeploymentEnd): readonly StoreWrite[] {
    const { seq, evicted } = this.#index.add(ALL);
    const { plan, currentStep, by, startedAt } = end.deployment;
    const apps = Object.keys(plan.transitions) as AppId[];
    this.#note(plan.id, seq);
    for (const old of evicted) this.#forget(old.seq);
    const entry: EndedDeployment = {
      seq,
      id: plan.id,
      version: plan.version,
      ...(by === undefined ? {} : { by }),
      startedAt,
      endedAt: end.endedAt,
      affectedApps: apps.slice(0, MAX_KEPT_ACTIONS),
      affectedAppCount: apps.length,
      steps: cutSteps(plan.steps),
      lastStep: currentStep,
      result: end.result,
      ...(end.why === undefined ? {} : { why: end.why }),
      ...(end.revertOf === undefined ? {} : { revertOf: end.revertOf }),
      waits: end.waits,
      untoldWaits: end.untoldWaits,
    };
    return [
      { op: 'put', key: keys.endedDeployment(seq), value: entry },
      ...evicted.map((old): StoreWrite => ({ op: 'delete', key: keys.endedDeployment(old.seq) })),
    ];
  }

  withdraw(id: string): void {
    const seq = this.#seqs.get(id);
    if (seq === undefined) return;
    this.#index.drop({ owner: ALL, seq });
    this.#forget(seq);
  }

  async get(id: string): Promise<EndedDeployment | undefined> {
    const seq = this.#seqs.get(id);
    return seq === undefined ? undefined : this.#read(seq);
  }

  /** At most `limit` that `shown` says yes to, newest first, older than `after`. */
  async page(
    { limit, after }: { readonly limit: number; readonly after: number | undefined },
    shown: (entry: EndedDeployment) => boolean,
  ): Promise<HistoryPage<EndedDeployment>> {
    const entries: EndedDeployment[] = [];
    for (const seq of this.#index.newestFirst(ALL, after)) {
      if (entries.length >= limit) return { entries, next: entries.at(-1)?.seq };
      const entry = await this.#read(seq);
      if (entry !== undefined && shown(entry)) entries.push(entry);
    }
    return { entries, next: undefined };
  }

  async #read(seq: number): Promise<EndedDeployment | undefined> {
    const value = await getUnlessCorrupt(this.options.store, keys.endedDeployment(seq), ({ key, problem }) =>
      this.options.log.error('the record of an ended deployment cannot be read; it is left out', {
        key,
        problem,
      }),
    );
    return value as EndedDeployment | undefined;
  }

  #note(id: string, seq: number): void {
    this.#seqs.set(id, seq);
    this.#ids.set(seq, id);
  }

  #forget(seq: number): void {
    const id = this.#ids.get(seq);
    this.#ids.delete(seq);
    if (id !== undefined && this.#seqs.get(id) === seq) this.#seqs.delete(id);
  }
}

/** Without victims and definitions, and not endlessly many. */
function cutSteps(steps: DeploymentEnd['deployment']['plan']['steps']): LightPlan['steps'] {
  let left = MAX_KEPT_ACTIONS;
  return steps.flatMap(({ actions }) => {
    const kept = actions.slice(0, left).map(({ action, app }) => ({ action, app }));
    left -= kept.length;
    return kept.length > 0 ? [{ actions: kept }] : [];
  });
}
