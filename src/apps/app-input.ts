import type { Schemas } from '../api/contract/load-contract.js';
import type { App } from './app.js';
import type { RoutingCapabilities } from './decide/routing-capabilities.js';

/** What a client sent, of the right shape: every field optional, `null` the same as absent, deprecated forms included. */
export type AppInput = Schemas['AppUpdate'];

/**
 * A definition after normalisation: every default filled in, deprecated forms translated, but rules not yet checked,
 * service ports not yet assigned (0) and not yet versioned.
 */
export interface AppDraft extends Omit<App, 'constraints' | 'version' | 'versionInfo'> {
  /** Operators upper-cased; how many fields each has is not yet checked. */
  readonly constraints: readonly (readonly string[])[];
}

/** What the rules depend on besides the definition itself. */
export interface DefinitionSettings {
  /** The role of an app that names none; Marathon's `--mesos_role`, or the group's where that is enforced. */
  readonly defaultRole: string;
  /** The roles that it may have; absent: the default one. */
  readonly roles?: readonly string[];
  /** Whether new top-level groups hold their apps to their role; Marathon's `--new_group_enforce_role top`. */
  readonly newGroupsEnforceRole?: boolean;
  /** The name of container networks that have none; Marathon's `--default_network_name`. Absent: they must have one. */
  readonly defaultNetworkName?: string;
  /** The network that the deprecated `ipAddress` means as the bridge; Marathon's `--mesos_bridge_name`. */
  readonly bridgeName?: string;
  /** What the load balancer in use cannot do; absent: it can do everything there is. */
  readonly cannotRoute?: RoutingCapabilities;
  /** Whether there is a secret at a path; absent: nobody here keeps any. */
  readonly hasSecret?: (path: string) => boolean;
}
