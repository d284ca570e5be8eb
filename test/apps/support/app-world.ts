import { join } from 'node:path';
import { Contract } from '../../../src/api/contract/load-contract.js';
import type { AppId, AppRecord } from '../../../src/apps/app.js';
import { AppChanges, type Prepare } from '../../../src/apps/app-changes.js';
import type { AppChange } from '../../../src/apps/app-registry.js';
import type { RoutingCapabilities } from '../../../src/apps/decide/routing-capabilities.js';
import { AppRegistryImpl } from '../../../src/apps/registry.js';
import { CatalogError, type ErrorDetail } from '../../../src/errors/registry.js';
import { silentLog } from '../../../src/logging/log.js';
import type {
  ScanOptions,
  StateStore,
  StoreBatch,
  StoreHealth,
  StoreRecord,
} from '../../../src/store/state-store.js';
import { type Timestamp, timestamp } from '../../../src/util/timestamp.js';
import { contractJson } from '../../support/contract-json.js';

export const root = join(__dirname, '../../..');
export const contract = new Contract(contractJson());

/** A store that keeps JSON in a map. */
export class MapStore implements StateStore {
  readonly records = new Map<string, string>();
  readonly #corrupt = new Set<string>();

  async open(): Promise<void> {}
  async get(key: string): Promise<unknown> {
    const text = this.records.get(key);
    return text === undefined ? undefined : JSON.parse(text);
  }
  /** As if these records did not match their checksums. */
  corrupt(...keys: readonly string[]): void {
    for (const key of keys) this.#corrupt.add(key);
  }
  async *scan(prefix: string, { onCorrupt }: ScanOptions = {}): AsyncIterable<StoreRecord> {
    for (const key of [...this.records.keys()].sort()) {
      if (key.startsWith(prefix) && this.#corrupt.has(key)) onCorrupt?.({ key, problem: 'corrupt' });
      else if (key.startsWith(prefix)) yield { key, value: JSON.parse(this.records.get(key) ?? 'null') };
    }
  }
  async commit({ writes }: StoreBatch): Promise<void> {
    for (const write of writes) {
      if (write.op === 'put') this.records.set(write.key, JSON.stringify(write.value));
      else this.records.delete(write.key);
    }
  }
  health(): StoreHealth {
    return { writable: true };
  }
  onHealth(): () => void {
    return () => undefined;
  }
  async backup(): Promise<void> {}
  async close(): Promise<void> {}
}

export interface WorldOptions {
  readonly servicePorts?: { readonly min: number; readonly max: number };
  readonly restartOnAnyChange?: boolean;
  readonly store?: MapStore;
  readonly routeConflicts?: 'reject' | 'warn';
  readonly cannotRoute?: RoutingCapabilities;
}

/** The apps room whole: requests are prepared, staged, committed and applied, as the deployments do it. */
export class AppWorld {
  readonly store: MapStore;
  readonly registry: AppRegistryImpl;
  readonly changes: AppChanges;
  #second = 0;

  constructor(options: WorldOptions = {}) {
    this.store = options.store ?? new MapStore();
    const servicePorts = options.servicePorts ?? { min: 10_000, max: 20_000 };
    this.registry = new AppRegistryImpl({ store: this.store, servicePorts, log: silentLog });
    const settings = {
      defaultRole: '*',
      restartOnAnyChange: options.restartOnAnyChange ?? false,
      routeConflicts: options.routeConflicts ?? 'reject',
      ...(options.cannotRoute && { cannotRoute: options.cannotRoute }),
    } as const;
    this.changes = new AppChanges({ registry: this.registry, contract, settings });
  }

  nextVersion(): Timestamp {
    return timestamp(Date.UTC(2026, 0, 1) + 1000 * ++this.#second);
  }

  prepared(prepare: Prepare): readonly AppChange[] {
    return prepare(this.nextVersion()).map(({ appId, after }) => ({
      appId,
      before: this.registry.get(appId),
      after,
    }));
  }

  async accept(prepare: Prepare | Promise<Prepare>): Promise<readonly AppChange[]> {
    const changes = this.prepared(await prepare).filter(({ before, after }) => before !== after);
    this.registry.stage(changes);
    await this.store.commit({ epoch: 1, writes: this.registry.writesFor(changes) });
    this.registry.apply(changes);
    return changes;
  }

  async post(body: unknown): Promise<AppRecord> {
    return only(await this.acceptLater(() => this.changes.createApp(body)));
  }
  async patch(id: string, body: unknown): Promise<AppRecord | undefined> {
    await this.acceptLater(() =>
      this.changes.updateApp(id as AppId, body, { partialUpdate: true, mayCreate: false }),
    );
    return this.registry.get(id as AppId);
  }
  async put(id: string, body: unknown, partialUpdate = true): Promise<AppRecord | undefined> {
    await this.acceptLater(() =>
      this.changes.updateApp(id as AppId, body, { partialUpdate, mayCreate: true }),
    );
    return this.registry.get(id as AppId);
  }
  async acceptLater(make: () => Prepare | Promise<Prepare>): Promise<readonly AppChange[]> {
    return this.accept(make());
  }
  get(id: string): AppRecord {
    const record = this.registry.get(id as AppId);
    if (!record) throw new Error(`there is no ${id}`);
    return record;
  }
}

function only(changes: readonly AppChange[]): AppRecord {
  const record = changes[0]?.after;
  if (changes.length !== 1 || !record) throw new Error('exactly one app was to change');
  return record;
}

/** The CatalogError that `run` ends with. */
export async function refusal(run: () => unknown): Promise<CatalogError> {
  try {
    await run();
  } catch (error) {
    if (error instanceof CatalogError) return error;
    throw error;
  }
  throw new Error('it was not refused');
}

/** Details of a refusal without our own codes and hints, by path. */
export function findings(error: CatalogError): Record<string, readonly string[]> {
  const details = Array.isArray(error.details) ? (error.details as readonly ErrorDetail[]) : [];
  return Object.fromEntries(details.map(({ path, errors }) => [path, errors]));
}
