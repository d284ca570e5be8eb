import type { AppRecord } from '../../apps/app.js';
import type { QueueEntry } from '../../scheduler/scheduler.js';
import { timestampMs } from '../../util/timestamp.js';
import { countEarliest, rejectFunnel } from '../decide/reject-funnel.js';
import type { Placement } from '../placement.js';
import type { AppFragments } from './app-fragments.js';

/** One entry of `GET /v2/queue` as JSON text. `overdue`: it waits for offers, not for a backoff to pass. */
export function queueItemJson(
  entry: QueueEntry,
  record: AppRecord,
  fragments: AppFragments,
  options: {
    readonly nowMs: number;
    readonly lastUnusedOffers: boolean;
    readonly placement?: Placement | undefined;
  },
): string {
  const leftMs = entry.backoffUntil === undefined ? 0 : timestampMs(entry.backoffUntil) - options.nowMs;
  const item = {
    count: entry.count,
    role: entry.role,
    since: entry.since,
    delay: { timeLeftSeconds: Math.max(0, Math.ceil(leftMs / 1000)), overdue: leftMs <= 0 },
    processedOffersSummary: {
      processedOffersCount: entry.processedOffers,
      unusedOffersCount: entry.unusedOffers,
      lastUnusedOfferAt: entry.lastUnusedOfferAt,
      lastUsedOfferAt: entry.lastUsedOfferAt,
      rejectSummaryLastOffers: rejectFunnel(entry.lastRefusals.length, countEarliest(entry.lastRefusals)),
      rejectSummaryLaunchAttempt: rejectFunnel(entry.processedOffers, entry.launchAttemptRefusals),
    },
    lastUnusedOffers: options.lastUnusedOffers
      ? entry.lastRefusals.map(({ offer, reasons, at, explanation }) => ({
          offer,
          reason: reasons,
          timestamp: at,
          explanation,
        }))
      : undefined,
    placement: options.placement,
  };
  return `${JSON.stringify(item).slice(0, -1)},"app":${fragments.whole(record)}}`;
}
