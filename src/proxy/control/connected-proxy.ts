import type { TaskId } from '../../scheduler/instance.js';
import type { AcceptedLine } from '../../util/line/line.js';
import type { ServiceStats } from '../stats/proxy-stats.js';
import type { FromProxy, ToProxy } from '../table.js';

/** Most tasks of which one proxy may report requests in flight; beyond it the newest are not tracked. */
export const MAX_TRACKED_TASKS = 200_000;

/** What the server knows of one proxy process. */
export class ConnectedProxy {
  /** Empty until its HELLO. */
  proxyId = '';
  pid = 0;
  host = '';
  /** It understands patches. */
  patches = false;
  /** Version of this epoch's table that it confirmed; 0 before the first. */
  acked = 0;
  /** Version last sent; undefined before the first snapshot. */
  sent: number | undefined;
  leaseUntilMs: number;
  /** It is waited for. Not before its HELLO: a line on which nobody says who it is routes nothing that we could know of. */
  leased = false;
  /** Ends telling it names and certificates. */
  endNames: (() => void) | undefined;
  readonly inFlight = new Map<TaskId, number>();
  notServed: Readonly<Record<number, string>> = {};
  servedInPart: Readonly<Record<number, string>> = {};
  /** By service key, without its servers. */
  readonly stats = new Map<string, ServiceStats>();

  constructor(
    readonly line: AcceptedLine<FromProxy, ToProxy>,
    nowMs: number,
    leaseMs: number,
  ) {
    this.leaseUntilMs = nowMs + leaseMs;
  }

  /** Takes over what changed; null = the service is gone. */
  reportStats(changed: Readonly<Record<string, ServiceStats | null>>): void {
    for (const [key, stats] of Object.entries(changed)) {
      if (stats === null) this.stats.delete(key);
      else this.stats.set(key, stats);
    }
  }

  reportInFlight(taskId: TaskId, count: number): void {
    if (count <= 0) this.inFlight.delete(taskId);
    else if (this.inFlight.size < MAX_TRACKED_TASKS || this.inFlight.has(taskId))
      this.inFlight.set(taskId, count);
  }
}
