import type { RoutingTimeouts } from '../../apps/port-routing.js';

/** Timeouts of the data plane, by HAProxy's names; what a service says of its own goes first. */
export interface Timeouts extends Required<RoutingTimeouts> {
  /** An unused connection to a server is kept for so long; less than the 5 s after which Node.js servers close theirs. */
  readonly upstreamIdleMs: number;
  /** A client that is told goodbye may take so long to hang up. */
  readonly lingerMs: number;
}

/** HAProxy's and marathon-lb's defaults. */
export const defaultTimeouts: Timeouts = {
  connectMs: 3_000,
  clientMs: 30_000,
  serverMs: 30_000,
  queueMs: 30_000,
  httpRequestMs: 15_000,
  httpKeepAliveMs: 60_000,
  tunnelMs: 3_600_000,
  clientFinMs: 30_000,
  serverFinMs: 30_000,
  upstreamIdleMs: 4_000,
  lingerMs: 2_000,
};

/** `own`, with what `over` says in its place. As in HAProxy, client-fin and server-fin follow client and server where they are not set. */
export function mergeTimeouts(own: Timeouts, over: RoutingTimeouts = {}): Timeouts {
  return {
    ...own,
    ...(over.clientMs !== undefined && { clientFinMs: over.clientMs }),
    ...(over.serverMs !== undefined && { serverFinMs: over.serverMs }),
    ...over,
  };
}
