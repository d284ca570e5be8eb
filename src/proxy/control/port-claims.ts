import type { AppId, AppRecord } from '../../apps/app.js';
import { appPorts } from '../../apps/app-ports.js';
import { sameJson } from '../../apps/decide/canonical-json.js';
import { meet, type Sharing } from '../../apps/decide/routing/route-claims.js';

/**
 * Who may have a service port. The first app that claims it keeps it, except from apps of its deployment group, with which it
 * shares it, and from those that other load balancers serve; a task that demands the very host port (`requirePorts`) wins over
 * every claim, since it cannot run anywhere else.
 */
export class PortClaims {
  /** First come, first served: a map keeps the order. */
  readonly #claimants = new Map<number, Map<AppId, Sharing>>();
  readonly #demanders = new Map<number, Set<AppId>>();
  readonly #claimed = new Map<AppId, ReadonlySet<number>>();
  /** Ports that the app being settled claims with other groups than before. */
  readonly #restated = new Set<number>();
  readonly #demanded = new Map<AppId, ReadonlySet<number>>();

  /** Records the host ports that tasks of this app demand. Returns the apps whose service ports that concerns. */
  demand(appId: AppId, record: AppRecord | undefined): Set<AppId> {
    const ports = new Set(record ? appPorts(record.app).flatMap(({ hostPort }) => hostPort || []) : []);
    const before = this.#demanded.get(appId) ?? new Set<number>();
    const affected = new Set<AppId>();
    for (const port of before) if (!ports.has(port)) this.#demandChanged(port, appId, false, affected);
    for (const port of ports) if (!before.has(port)) this.#demandChanged(port, appId, true, affected);
    if (ports.size > 0) this.#demanded.set(appId, ports);
    else this.#demanded.delete(appId);
    return affected;
  }

  /** Claims the port; the answer says why it shall not be bound for this app, undefined when it may. */
  claim(appId: AppId, port: number, { groups, deploymentGroup }: Sharing): string | undefined {
    let claimants = this.#claimants.get(port);
    if (!claimants) {
      claimants = new Map();
      this.#claimants.set(port, claimants);
    }
    const own: Sharing = { groups, ...(deploymentGroup === undefined ? {} : { deploymentGroup }) };
    const before = claimants.get(appId);
    if (before && !sameJson(before, own)) this.#restated.add(port);
    claimants.set(appId, own);
    for (const demander of this.#demanders.get(port) ?? []) {
      return demander === appId
        ? `its own tasks demand host port ${port} (requirePorts)`
        : `tasks of ${demander} demand host port ${port} (requirePorts)`;
    }
    const owners: { readonly appId: AppId; readonly sharing: Sharing }[] = [];
    for (const [claimant, sharing] of claimants) {
      const owner = owners.find((each) => meet(each.sharing, sharing));
      if (claimant === appId) return owner && `service port ${port} belongs to ${owner.appId}`;
      if (!owner) owners.push({ appId: claimant, sharing });
    }
    return undefined;
  }

  /** Gives up every claim of the app but these. Returns the apps whose turn it may be now. */
  keepOnly(appId: AppId, ports: ReadonlySet<number>): ReadonlySet<AppId> {
    const affected = new Set<AppId>();
    for (const port of this.#claimed.get(appId) ?? []) {
      if (!ports.has(port)) this.#release(port, appId, affected);
    }
    for (const port of this.#restated) this.#tellClaimants(port, appId, affected);
    this.#restated.clear();
    if (ports.size > 0) this.#claimed.set(appId, ports);
    else this.#claimed.delete(appId);
    return affected;
  }

  #demandChanged(port: number, appId: AppId, add: boolean, affected: Set<AppId>): void {
    const apps = this.#demanders.get(port) ?? new Set<AppId>();
    if (add) apps.add(appId);
    else apps.delete(appId);
    if (apps.size > 0) this.#demanders.set(port, apps);
    else this.#demanders.delete(port);
    this.#tellClaimants(port, appId, affected);
  }

  #release(port: number, appId: AppId, affected: Set<AppId>): void {
    const claimants = this.#claimants.get(port);
    claimants?.delete(appId);
    if (claimants?.size === 0) this.#claimants.delete(port);
    this.#tellClaimants(port, appId, affected);
  }

  #tellClaimants(port: number, appId: AppId, affected: Set<AppId>): void {
    for (const claimant of this.#claimants.get(port)?.keys() ?? [])
      if (claimant !== appId) affected.add(claimant);
  }
}
