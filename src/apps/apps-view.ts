import type { AppId, AppRecord } from './app.js';
import type { GroupIndex } from './group-index.js';
import type { RouteClaimIndex } from './route-claim-index.js';
import type { ServicePortIndex } from './service-port-index.js';

/** The tree of groups, for reading. */
export type GroupsView = Pick<
  GroupIndex,
  'has' | 'record' | 'isEmpty' | 'childrenOf' | 'appsOf' | 'groupsOf' | 'groupsFrom' | 'appsUnder'
>;

/** What preparing a change may read: all that is wanted, changes that are prepared but not yet durable included. */
export interface AppsView {
  get(appId: AppId): AppRecord | undefined;
  readonly groups: GroupsView;
  readonly servicePorts: Pick<ServicePortIndex, 'choose'>;
  /** Who claims which hosts and service ports; absent: conflicts are not looked for. */
  readonly routeClaims?: Pick<RouteClaimIndex, 'claimants'>;
}
