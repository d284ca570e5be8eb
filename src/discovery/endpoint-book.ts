import { lookup } from 'node:dns/promises';
import type { AppId, AppRecord } from '../apps/app.js';
import type { AppRegistry } from '../apps/app-registry.js';
import type { InstanceReadModel } from '../scheduler/scheduler.js';
import type { Clock, Timer } from '../util/clock.js';
import { appEndpoints, type KnownEndpoints } from './decide/app-endpoints.js';
import type { AppEndpoints, Endpoint } from './endpoint.js';
import { HostAddresses, type Lookup } from './host-addresses.js';

/** Changes of one moment are taken up together. */
const COALESCE_MS = 2;
/** An app is taken up a millisecond later for so many instances each; but not later than LONGEST_WAIT_MS. */
const INSTANCES_PER_MS = 5;
const LONGEST_WAIT_MS = 2_000;
/** Apps taken up in one turn of the event loop. */
const APPS_PER_TURN = 100;

/** Apps remembered as having nothing usable any more, for those who ask what changed. */
export const MAX_GONE = 10_000;

export interface EndpointBookOptions {
  readonly registry: Pick<AppRegistry, 'get' | 'all' | 'onChange'>;
  readonly instances: Pick<InstanceReadModel, 'ofApp' | 'onChange'>;
  readonly clock: Clock;
  /** Default: as this host resolves names. */
  readonly lookup?: Lookup;
}

/**
 * What is usable of every app, followed change by change in the server process: what names, lists and streams are made of.
 *
 * INVARIANT: nobody is told anything before all that was loaded at the start has been taken up once: a restart of the server
 * never makes names disappear.
 */
export class EndpointBook {
  readonly #endpoints = new Map<AppId, AppEndpoints>();
  readonly #addresses: HostAddresses;
  readonly #byHost = new Map<string, Set<AppId>>();
  readonly #hostsOf = new Map<AppId, ReadonlySet<string>>();
  readonly #dirty = new Set<AppId>();
  /** Large apps whose turn is yet to come. */
  readonly #waiting = new Map<AppId, Timer>();
  readonly #listeners = new Set<(changed: readonly AppEndpoints[]) => void>();
  readonly #known = new Map<AppId, KnownEndpoints>();
  /** Instances that an app had when it was last taken up. */
  readonly #sizes = new Map<AppId, number>();
  readonly #changedAt = new Map<AppId, number>();
  /** Apps among them without anything usable, in the order in which they went. */
  readonly #gone = new Set<AppId>();
  #revision = 0;
  #forgottenUpTo = 0;
  #timer: Timer | undefined;
  #complete = false;
  #unsubscribe: (() => void)[] = [];

  constructor(private readonly options: EndpointBookOptions) {
    const find = options.lookup ?? (async (hostname: string) => (await lookup(hostname)).address);
    this.#addresses = new HostAddresses(find, options.clock, (hostname) => {
      for (const appId of this.#byHost.get(hostname) ?? []) this.#mark(appId);
    });
  }

  /** Takes up everything that is loaded, and each change from now on. */
  start(): void {
    const { registry, instances } = this.options;
    this.#unsubscribe = [
      registry.onChange((changes) => {
        for (const { appId } of changes) this.#mark(appId);
      }),
      instances.onChange(({ before, after }) => {
        const appId = (after ?? before)?.appId;
        if (appId !== undefined) this.#mark(appId);
      }),
    ];
    for (const { app } of registry.all()) this.#dirty.add(app.id);
    this.#schedule();
  }

  stop(): void {
    for (const end of this.#unsubscribe) end();
    this.#unsubscribe = [];
    this.#timer?.cancel();
    for (const timer of this.#waiting.values()) timer.cancel();
    this.#addresses.stop();
    this.#listeners.clear();
  }

  /** Whether everything that was loaded has been taken up. */
  get complete(): boolean {
    return this.#complete;
  }

  /** Every app with something usable, in no order. */
  all(): Iterable<AppEndpoints> {
    return this.#endpoints.values();
  }

  ofApp(appId: AppId): AppEndpoints {
    return this.#endpoints.get(appId) ?? { appId, endpoints: [] };
  }

  /** Grows with every change; strangers to it are those of another server's life. */
  get revision(): number {
    return this.#revision;
  }

  /**
   * The apps that changed after `revision`, those with nothing usable any more included. Undefined when it reaches further back
   * than is remembered (MAX_GONE apps that went), or is not of this book.
   */
  changedSince(revision: number): readonly AppEndpoints[] | undefined {
    if (revision > this.#revision || revision < this.#forgottenUpTo) return undefined;
    const changed: AppEndpoints[] = [];
    for (const [appId, at] of this.#changedAt) if (at > revision) changed.push(this.ofApp(appId));
    return changed;
  }

  /** Told of the apps whose usable instances changed; the first time, of everything. */
  onChange(listener: (changed: readonly AppEndpoints[]) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** A large app is a long message to everybody: it has its turn the less often, the larger it is. */
  #mark(appId: AppId): void {
    const waitMs = Math.min(LONGEST_WAIT_MS, (this.#sizes.get(appId) ?? 0) / INSTANCES_PER_MS);
    if (waitMs < COALESCE_MS || !this.#complete) {
      this.#dirty.add(appId);
      this.#schedule();
    } else if (!this.#waiting.has(appId)) {
      this.#waiting.set(
        appId,
        this.options.clock.after(waitMs, () => {
          this.#waiting.delete(appId);
          this.#dirty.add(appId);
          this.#schedule();
        }),
      );
    }
  }

  #schedule(afterMs = COALESCE_MS): void {
    this.#timer ??= this.options.clock.after(afterMs, () => this.#takeUp());
  }

  #takeUp(): void {
    this.#timer = undefined;
    const changed: AppEndpoints[] = [];
    let taken = 0;
    for (const appId of this.#dirty) {
      if (taken++ >= APPS_PER_TURN) break;
      this.#dirty.delete(appId);
      const now = this.#update(appId, this.options.registry.get(appId));
      if (now) changed.push(now);
    }
    if (this.#dirty.size > 0) this.#schedule(0);
    if (!this.#complete) {
      if (this.#dirty.size > 0) return;
      this.#complete = true;
      this.#tell([...this.all()]);
    } else if (changed.length > 0) this.#tell(changed);
  }

  #tell(changed: readonly AppEndpoints[]): void {
    for (const listener of this.#listeners) listener(changed);
  }

  /** Undefined when nothing changed. */
  #update(appId: AppId, record: AppRecord | undefined): AppEndpoints | undefined {
    const instances = record ? this.options.instances.ofApp(appId) : [];
    this.#follow(appId, new Set(instances.flatMap(({ task }) => (task ? [task.hostname] : []))));
    if (instances.length > 0) this.#sizes.set(appId, instances.length);
    else this.#sizes.delete(appId);
    const known = this.#known.get(appId) ?? new Map();
    const endpoints = record
      ? appEndpoints(record, instances, (hostname) => this.#addresses.of(hostname), known)
      : [];
    const before = this.ofApp(appId).endpoints;
    // What did not change is the same object as before.
    if (before.length === endpoints.length && endpoints.every((each, i) => each === before[i]))
      return undefined;
    this.#remember(appId, known, endpoints);
    const now: AppEndpoints = { appId, endpoints };
    if (now.endpoints.length > 0) this.#endpoints.set(appId, now);
    else this.#endpoints.delete(appId);
    this.#note(appId, now.endpoints.length === 0);
    return now;
  }

  /** Endpoints that are no longer there are forgotten now and then, not one by one. */
  #remember(appId: AppId, known: KnownEndpoints, endpoints: readonly Endpoint[]): void {
    if (endpoints.length === 0) {
      this.#known.delete(appId);
      return;
    }
    this.#known.set(appId, known);
    if (known.size <= 2 * endpoints.length + 16) return;
    const present = new Set(endpoints.map(({ taskId }) => taskId));
    for (const taskId of [...known.keys()]) if (!present.has(taskId)) known.delete(taskId);
  }

  #note(appId: AppId, isGone: boolean): void {
    this.#revision += 1;
    // Anew at the end: those that changed longest ago stand first.
    this.#changedAt.delete(appId);
    this.#changedAt.set(appId, this.#revision);
    if (isGone) this.#gone.add(appId);
    else this.#gone.delete(appId);
    if (this.#gone.size <= MAX_GONE) return;
    const [oldest] = this.#gone;
    if (oldest === undefined) return;
    this.#gone.delete(oldest);
    this.#forgottenUpTo = this.#changedAt.get(oldest) ?? this.#forgottenUpTo;
    this.#changedAt.delete(oldest);
  }

  /** Remembers on which hosts an app is, so that it is taken up again when one of them gets another address. */
  #follow(appId: AppId, hosts: ReadonlySet<string>): void {
    for (const host of this.#hostsOf.get(appId) ?? []) {
      if (hosts.has(host)) continue;
      const apps = this.#byHost.get(host);
      apps?.delete(appId);
      if (apps?.size === 0) this.#byHost.delete(host);
    }
    for (const host of hosts) {
      const apps = this.#byHost.get(host);
      if (apps) apps.add(appId);
      else this.#byHost.set(host, new Set([appId]));
    }
    if (hosts.size > 0) this.#hostsOf.set(appId, hosts);
    else this.#hostsOf.delete(appId);
  }
}
