import type { ProbeResult, ProbeTarget } from './health.js';

/**
 * One change of what shall be probed. `generation` tells a target from an earlier one with the same key: results that were
 * on their way when the target changed are about the earlier one.
 */
export type ProberChange =
  | { readonly add: ProbeTarget; readonly generation: number }
  | { readonly remove: string };

export interface NumberedResult extends ProbeResult {
  readonly generation: number;
}

/** Server to prober: changes in their order. */
export interface ToProber {
  readonly changes: readonly ProberChange[];
}

/** Prober to server. `alive` tells that its event loop turns, also when there is nothing to say. */
export type FromProber =
  | { readonly type: 'results'; readonly results: readonly NumberedResult[] }
  | { readonly type: 'alive' };

export const ALIVE_PERIOD_MS = 2_000;
