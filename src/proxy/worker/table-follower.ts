import type { CertificateBundle } from '../../certificates/bundle.js';
import type { NamesMessage } from '../../discovery/names-message.js';
import type { Log } from '../../logging/log.js';
import type { TaskId } from '../../scheduler/instance.js';
import type { Clock, Timer } from '../../util/clock.js';
import type { LineEnd, LineHandlers } from '../../util/line/line.js';
import { deltaOfGroups, tableOfGroups } from '../decide/only-groups.js';
import type { TrafficReport } from '../stats/traffic-report.js';
import type { FromProxy, RoutingTable, TableDelta, ToProxy } from '../table.js';

export interface Identity {
  readonly proxyId: string;
  readonly pid: number;
  readonly bootId: string;
  readonly host: string;
  readonly names?: true;
  /** Groups of apps that it serves; absent: all. */
  readonly groups?: readonly string[];
}

const ALL_GROUPS = ['*'];

/** Where tables go. */
export interface FollowedTable {
  readonly epoch: number;
  readonly version: number;
  replace(table: RoutingTable): void;
  /** False when the delta does not follow the table that is there. */
  apply(delta: TableDelta): boolean;
  /** Requests in flight to tasks that have left, by task. */
  leaving(): Iterable<readonly [TaskId, number]>;
  /** Resolves when what was applied is in force; absent: it is at once. */
  inForce?(): Promise<void>;
}

export interface FollowerSource {
  /** Service ports that are not served, with the reason. */
  notServed(): Readonly<Record<number, string>>;
  /** Those that are served without something that their apps ask for, and what; absent: all are served wholly. */
  servedInPart?(): Readonly<Record<number, string>>;
  /** What changed in the statistics since the last call; undefined: nothing. */
  changedStats(): unknown;
  /** There is more to be told than one report takes. */
  hasMoreStats?(): boolean;
  /** How requests went since the last call; undefined: there were none. */
  traffic?(): TrafficReport | undefined;
  /** The server knows nothing of them any more. */
  forgetStats(): void;
}

/** Requests in flight are reported at most so often per task; their end at once. */
const IN_FLIGHT_PERIOD_MS = 100;
const STATS_PERIOD_MS = 1_000;
/** When one report does not take all, the next follows so soon. */
const MORE_STATS_MS = 50;
/** Of these periods, one in so many tells how requests went. */
const TRAFFIC_EVERY = 5;
/** Until the server says how long its leases are. */
const DEFAULT_LEASE_MS = 9_000;

/** The worker's end of the line to the server: takes tables, confirms them, reports what still runs on those that left. */
export class TableFollower {
  readonly #line: LineEnd<FromProxy>;
  /** Last reported count by task, where it was not 0. */
  readonly #reported = new Map<TaskId, number>();
  readonly #pending = new Map<TaskId, number>();
  #pendingTimer: Timer | undefined;
  #leaseTimer: Timer | undefined;
  #statsTimer: Timer | undefined;
  #moreTimer: Timer | undefined;
  #leaseMs = DEFAULT_LEASE_MS;
  #applying = false;
  #ticks = 0;
  #stopped = false;

  constructor(
    private readonly identity: Identity,
    private readonly routes: FollowedTable,
    private readonly source: FollowerSource,
    private readonly clock: Clock,
    private readonly log: Log,
    private readonly on: {
      /** A table of the server is in force. */
      tableApplied(): void;
      /** And it is the whole one. */
      wholeTable?(): void;
      disconnected(): void;
      names(message: NamesMessage): void;
      certificates(bundle: CertificateBundle): void;
    },
    makeLine: (handlers: LineHandlers<ToProxy>) => LineEnd<FromProxy>,
  ) {
    this.#line = makeLine({
      onReset: () => this.#hello(),
      onMessage: (message) => this.#received(message),
      onDisconnected: (reason) => {
        this.log.debug('the line to the server is down; serving on by the last table', { reason });
        // After a goodbye the server closes: that is the end, not a loss.
        if (this.#stopped) this.#line.close();
        this.on.disconnected();
      },
    });
  }

  get connected(): boolean {
    return this.#line.connected;
  }

  start(): void {
    this.#beginLease();
    this.#statsTimer = this.clock.every(STATS_PERIOD_MS, () => {
      if (!this.#line.connected) return;
      this.#ticks += 1;
      this.#tellStats(this.#ticks % TRAFFIC_EVERY === 0 ? this.source.traffic?.() : undefined);
    });
  }

  #tellStats(traffic?: TrafficReport): void {
    this.#moreTimer?.cancel();
    this.#moreTimer = undefined;
    if (!this.#line.connected) return;
    const stats = this.source.changedStats();
    if (this.source.hasMoreStats?.())
      this.#moreTimer = this.clock.after(MORE_STATS_MS, () => this.#tellStats());
    if (stats === undefined && traffic === undefined) return;
    this.#send({ type: 'STATS', stats: stats ?? {}, ...(traffic && { traffic }) });
  }

  /** Says goodbye when the worker routes nothing any more; without a goodbye its lease goes on. */
  stop(goodbye: boolean): void {
    if (this.#stopped) return;
    if (goodbye && this.#line.connected) this.#send({ type: 'GOODBYE' });
    // Made anew, the line would be a proxy that never says who it is, and that every drain waits for.
    else this.#line.close();
    this.#stopped = true;
    this.#pendingTimer?.cancel();
    this.#leaseTimer?.cancel();
    this.#statsTimer?.cancel();
    this.#moreTimer?.cancel();
  }

  close(): void {
    this.#line.close();
  }

  /** Asks for the whole table anew. False: the server is away; it sends the table when it is back. */
  refetch(): boolean {
    if (this.#stopped || !this.#line.connected) return false;
    this.#hello();
    return true;
  }

  /** From the routes: requests in flight to a task that left the table. */
  inFlight(taskId: TaskId, count: number): void {
    if (count === 0 || this.#applying) {
      this.#pending.delete(taskId);
      this.#report(taskId, count);
      return;
    }
    this.#pending.set(taskId, count);
    this.#pendingTimer ??= this.clock.after(IN_FLIGHT_PERIOD_MS, () => {
      this.#pendingTimer = undefined;
      for (const [task, inFlight] of this.#pending) this.#report(task, inFlight);
      this.#pending.clear();
    });
  }

  notServed(ports: Readonly<Record<number, string>>): void {
    const inPart = this.source.servedInPart?.();
    this.#send({ type: 'NOT_SERVED', ports, ...(inPart && { inPart }) });
  }

  #report(taskId: TaskId, count: number): void {
    if (count === 0 && !this.#reported.has(taskId)) return;
    if (count === 0) this.#reported.delete(taskId);
    else this.#reported.set(taskId, count);
    this.#send({ type: 'IN_FLIGHT', taskId, count });
  }

  /** A new line: the server knows nothing of us. */
  #hello(): void {
    this.#reported.clear();
    this.source.forgetStats();
    this.#send({ type: 'HELLO', ...this.identity, patches: true });
    for (const [taskId, count] of this.routes.leaving()) this.#report(taskId, count);
    const notServed = this.source.notServed();
    const inPart = this.source.servedInPart?.() ?? {};
    if (Object.keys({ ...notServed, ...inPart }).length > 0) this.notServed(notServed);
  }

  #received(message: ToProxy): void {
    switch (message.type) {
      case 'SNAPSHOT':
        this.#apply(() => {
          this.routes.replace(tableOfGroups(message.table, this.identity.groups ?? ALL_GROUPS));
          return true;
        });
        this.on.wholeTable?.();
        break;
      case 'DELTA':
        this.#apply(() =>
          this.routes.apply(deltaOfGroups(message.delta, this.identity.groups ?? ALL_GROUPS)),
        );
        break;
      case 'CERTIFICATES':
        this.on.certificates(message.bundle);
        break;
      case 'NAMES':
        this.on.names(message);
        break;
      case 'LEASE':
        this.#leaseMs = message.leaseMs;
        this.#beginLease();
        break;
    }
  }

  /** Reports what is in flight to those that left before it confirms that they have left. */
  #apply(change: () => boolean): void {
    this.#applying = true;
    const followed = change();
    this.#applying = false;
    if (!followed) {
      this.log.warn('a table change does not follow ours; asking for the whole table', {
        version: this.routes.version,
      });
      this.#hello();
      return;
    }
    const { epoch, version } = this.routes;
    this.on.tableApplied();
    const inForce = this.routes.inForce?.();
    if (inForce === undefined) this.#send({ type: 'ACK', epoch, version });
    else void inForce.then(() => this.#confirm(epoch, version));
  }

  /** What is in flight to those that left is told before. */
  #confirm(epoch: number, version: number): void {
    for (const [task, inFlight] of this.#pending) this.#report(task, inFlight);
    this.#pending.clear();
    this.#send({ type: 'ACK', epoch, version });
  }

  #beginLease(): void {
    this.#leaseTimer?.cancel();
    if (this.#stopped) return;
    this.#leaseTimer = this.clock.every(Math.max(1, this.#leaseMs / 4), () => {
      if (this.#line.connected) this.#send({ type: 'LEASE' });
    });
  }

  #send(message: FromProxy): void {
    if (!this.#stopped) this.#line.send(message);
  }
}
