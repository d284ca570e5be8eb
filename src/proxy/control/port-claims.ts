import type { AppId, AppRecord } from '../../apps/app.js';
import { appPorts } from '../../apps/app-ports.js';

/**
 * Who may have a service port. The first app that claims it keeps it; a task that demands the very host port
 * (`requirePorts`) wins over every claim, since it cannot run anywhere else.
 */
export class PortClaims {
  /** First come, first served: a set keeps the order. */
  readonly #claimants = new Map<number, Set<AppId>>();
  readonly #demanders = new Map<number, Set<AppId>>();
  readonly #claimed = new Map<AppId, ReadonlySet<number>>();
  readonly #demanded = new Map<AppId, ReadonlySet<number>>();

  /** Records the host ports that tasks of this app demand. Returns the apps whose service ports that concerns. */
  demand(appId: AppId, record: AppRecord | undefined): Set<AppId> {
    const ports = new Set(record ? appPorts(record.app).flatMap(({ hostPort }) => hostPort || []) : []);
    const before = this.#demanded.get(appId) ?? new Set<number>();
    const affected = new Set<AppId>();
    for (const port of before)
      if (!ports.has(port)) this.#change(this.#demanders, port, appId, false, affected);
    for (const port of ports)
      if (!before.has(port)) this.#change(this.#demanders, port, appId, true, affected);
    if (ports.size > 0) this.#demanded.set(appId, ports);
    else this.#demanded.delete(appId);
    return affected;
  }

  /** Claims the port; the answer says why it shall not be bound for this app, undefined when it may. */
  claim(appId: AppId, port: number): string | undefined {
    let claimants = this.#claimants.get(port);
    if (!claimants) {
      claimants = new Set();
      this.#claimants.set(port, claimants);
    }
    claimants.add(appId);
    for (const demander of this.#demanders.get(port) ?? []) {
      return demander === appId
        ? `its own tasks demand host port ${port} (requirePorts)`
        : `tasks of ${demander} demand host port ${port} (requirePorts)`;
    }
    for (const owner of claimants)
      return owner === appId ? undefined : `service port ${port} belongs to ${owner}`;
    return undefined;
  }

  /** Gives up every claim of the app but these. Returns the apps whose turn it may be now. */
  keepOnly(appId: AppId, ports: ReadonlySet<number>): ReadonlySet<AppId> {
    const affected = new Set<AppId>();
    for (const port of this.#claimed.get(appId) ?? []) {
      if (!ports.has(port)) this.#change(this.#claimants, port, appId, false, affected);
    }
    if (ports.size > 0) this.#claimed.set(appId, ports);
    else this.#claimed.delete(appId);
    return affected;
  }

  #change(
    map: Map<number, Set<AppId>>,
    port: number,
    appId: AppId,
    add: boolean,
    affected: Set<AppId>,
  ): void {
    const apps = map.get(port) ?? new Set<AppId>();
    if (add) apps.add(appId);
    else apps.delete(appId);
    if (apps.size > 0) map.set(port, apps);
    else map.delete(port);
    for (const claimant of this.#claimants.get(port) ?? []) if (claimant !== appId) affected.add(claimant);
  }
}
