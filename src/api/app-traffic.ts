import type { AppId } from '../apps/app.js';
import { CatalogError } from '../errors/registry.js';
import type { AppTraffic, TrafficSummary } from '../proxy/control/traffic-book.js';
import type { TaskId } from '../scheduler/instance.js';
import type { ApiContext } from './api-context.js';
import type { MethodTable } from './middleware/methods.js';
import { sendJson } from './write-json.js';

/** `/v2/apps/{id}/traffic`: how requests through the load balancers went in the last minute, by version and by instance. */
export function answerAppTraffic(context: ApiContext, appId: AppId): MethodTable {
  return {
    GET: (_request, response) => {
      const { traffic, registry } = context;
      const record = registry.get(appId);
      if (traffic === undefined || record === undefined)
        throw new CatalogError('app-not-found', { id: appId });
      const known = traffic(appId);
      sendJson(response, 200, {
        id: appId,
        version: record.app.version,
        ...(known ? presentSummary(known.all) : { requests: 0, requestsPerSecond: 0, errorShare: 0 }),
        versions: known ? versionsOf(known) : [],
        instances: known ? instancesOf(context, known) : [],
      });
    },
  };
}

/** Newest first; what was answered without an instance has no version and comes last. */
function versionsOf({ versions }: AppTraffic): readonly object[] {
  return [...versions]
    .sort(([a], [b]) => (a < b ? 1 : -1))
    .map(([version, summary]) => ({ ...(version !== '' && { version }), ...presentSummary(summary) }));
}

function instancesOf({ scheduler }: ApiContext, { instances }: AppTraffic): readonly object[] {
  return [...instances]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([taskId, summary]) => {
      const instance = scheduler.instances.byTask(taskId as TaskId);
      const { task } = instance ?? {};
      return {
        taskId,
        ...(task && { host: task.hostname, version: task.runSpecVersion }),
        ...presentSummary(summary),
      };
    });
}

function presentSummary({ p50, p95, p99, ...sums }: TrafficSummary): object {
  const quantiles = p50 !== undefined && p95 !== undefined && p99 !== undefined;
  return {
    requests: sums.requests,
    requestsPerSecond: rounded(sums.requestsPerSecond),
    errorShare: rounded(sums.errorShare, 1e6),
    ...(quantiles && { p50Ms: rounded(p50), p95Ms: rounded(p95), p99Ms: rounded(p99) }),
  };
}

function rounded(value: number, steps = 1e3): number {
  return Math.round(value * steps) / steps;
}
