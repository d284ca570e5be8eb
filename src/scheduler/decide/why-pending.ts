import type { AppRecord } from '../../apps/app.js';
import type { Timestamp } from '../../util/timestamp.js';
import type { Refusal } from '../scheduler.js';

/** Agents named in one explanation; the rest is counted. */
export const MAX_AGENTS_NAMED = 10;

export interface Pending {
  readonly count: number;
  /** Undefined when the app is deleted. */
  readonly record: AppRecord | undefined;
  readonly backoffUntil: Timestamp | undefined;
  readonly backoffMs: number;
  readonly connected: boolean;
  readonly launching: boolean;
  readonly storeWritable: boolean;
  readonly processedOffers: number;
  readonly refusals: readonly Refusal[];
}

function seconds(ms: number): string {
  const whole = ms / 1_000;
  return `${whole >= 10 ? Math.round(whole) : Math.round(whole * 10) / 10} s`;
}

/** Same words of several agents are said once. */
function refusalSentences(refusals: readonly Refusal[]): string[] {
  const byWords = new Map<string, string[]>();
  for (const refusal of refusals) {
    const words = refusal.explanation.join('; ');
    const hosts = byWords.get(words);
    if (hosts) hosts.push(refusal.hostname);
    else byWords.set(words, [refusal.hostname]);
  }
  return [...byWords].map(([words, hosts]) => {
    const named = hosts.slice(0, MAX_AGENTS_NAMED).join(', ');
    const rest = hosts.length > MAX_AGENTS_NAMED ? ` and ${hosts.length - MAX_AGENTS_NAMED} more` : '';
    return `${named}${rest}: ${words}.`;
  });
}

/** Why instances of an app are not launched yet, most decisive reason first, in sentences for its owner. */
export function whyPending(pending: Pending): string[] {
  if (!pending.record) return ['The app is deleted; its waiting instances will be forgotten.'];
  if (!pending.launching) return ['Nothing is launched any more: the server is shutting down.'];
  if (!pending.storeWritable) return ['Nothing is launched while the store cannot be written.'];
  if (!pending.connected)
    return ['There is no connection to the master; launching goes on as soon as there is.'];
  if (pending.backoffUntil !== undefined) {
    return [
      `Backing off for another ${seconds(pending.backoffMs)} (until ${pending.backoffUntil}), because its tasks failed lately.`,
    ];
  }
  if (pending.refusals.length > 0) return refusalSentences(pending.refusals);
  if (pending.processedOffers === 0) {
    return [
      `Waits for a first offer to role '${pending.record.app.role}': no agent has offered anything yet.`,
    ];
  }
  return ['Waits for the next offer.'];
}
