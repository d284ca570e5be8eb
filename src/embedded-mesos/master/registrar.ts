import type { Log } from '../../logging/log.js';
import {
  type CorruptRecord,
  keys,
  type StateStore,
  StoreError,
  type StoreWrite,
} from '../../store/state-store.js';
import type { Clock, Timer } from '../../util/clock.js';
import type { AgentInfo } from '../protocol/v1.js';

export const REGISTRY_FORMAT = 1;
const RETRY_MS = 500;

/** What is durable about one agent. Tasks, frameworks, offers are not: agents and schedulers bring them back. */
export interface RegistryRecord {
  readonly format: typeof REGISTRY_FORMAT;
  readonly standing: 'admitted' | 'shut-down' | 'unreachable' | 'gone';
  readonly info: AgentInfo;
  readonly bootId: string;
  readonly version: string;
  readonly registeredAtMs: number;
  /** When the standing began. */
  readonly sinceMs: number;
}

export interface RegistryEntry {
  readonly agentId: string;
  readonly record: RegistryRecord;
}

/** `undefined` forgets the agent. */
export interface RegistryChange {
  readonly agentId: string;
  readonly record: RegistryRecord | undefined;
}

interface Waiting {
  readonly changes: readonly RegistryChange[];
  done(): void;
  failed(error: unknown): void;
}

/**
 * Writes the registry. Changes asked for while a write is under way share the next one. While the store refuses
 * writes they wait and are tried again; the promise resolves when the change is durable, so that nothing that depends on
 * it happens before. Rejects when another leader has taken over (stale-epoch) or the registrar is stopped.
 */
export class Registrar {
  #waiting: Waiting[] = [];
  #writing = false;
  #retry: Timer | undefined;
  #stopped = false;

  constructor(
    private readonly store: StateStore,
    private readonly epoch: number,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {}

  /** Everything in the registry that can be read. An agent whose record cannot is admitted anew when it comes back. */
  async load(): Promise<RegistryEntry[]> {
    const prefix = keys.registry('');
    const entries: RegistryEntry[] = [];
    const onCorrupt = ({ key, problem }: CorruptRecord): void =>
      this.log.error('the registry entry of an agent cannot be read; the agent is not waited for', {
        agentId: key.slice(prefix.length),
        problem,
      });
    for await (const { key, value } of this.store.scan(prefix, { onCorrupt })) {
      const record = value as RegistryRecord;
      if (record.format !== REGISTRY_FORMAT) {
        throw new Error(
          `the registry entry of agent ${key.slice(prefix.length)} has format ${String(record.format)}, which this version does not know`,
        );
      }
      entries.push({ agentId: key.slice(prefix.length), record });
    }
    return entries;
  }

  apply(changes: readonly RegistryChange[]): Promise<void> {
    if (this.#stopped) return Promise.reject(new Error('the registrar is stopped'));
    return new Promise((done, failed) => {
      this.#waiting.push({ changes, done, failed });
      this.#write();
    });
  }

  stop(): void {
    this.#stopped = true;
    this.#retry?.cancel();
    for (const { failed } of this.#waiting.splice(0)) failed(new Error('the registrar is stopped'));
  }

  #write(): void {
    if (this.#writing || this.#stopped || this.#waiting.length === 0) return;
    this.#writing = true;
    const batch = this.#waiting;
    this.#waiting = [];
    const writes = batch.flatMap(({ changes }) => changes.map(storeWrite));
    this.store.commit({ epoch: this.epoch, writes }).then(
      () => {
        this.#writing = false;
        for (const { done } of batch) done();
        this.#write();
      },
      (error: unknown) => this.#refused(batch, error),
    );
  }

  #refused(batch: readonly Waiting[], error: unknown): void {
    const isHopeless =
      this.#stopped ||
      (error instanceof StoreError && (error.code === 'stale-epoch' || error.code === 'closed'));
    if (isHopeless) {
      this.#writing = false;
      for (const { failed } of batch) failed(error);
      return;
    }
    this.log.warn('the registry cannot be written; agents wait', {
      error: String(error),
      changes: batch.length,
    });
    this.#waiting = [...batch, ...this.#waiting];
    this.#retry = this.clock.after(RETRY_MS, () => {
      this.#writing = false;
      this.#write();
    });
  }
}

function storeWrite({ agentId, record }: RegistryChange): StoreWrite {
  const key = keys.registry(agentId);
  return record ? { op: 'put', key, value: record } : { op: 'delete', key };
}
