import type { App, AppId } from '../apps/app.js';
import { CatalogError } from '../errors/registry.js';
import { finestReaching, type Resolution, resolutionNamed, resolutions } from '../usage/decide/resolution.js';
import { LEAST_POINTS, rightSize, type SizedApp } from '../usage/decide/right-size.js';
import type { UsagePoint } from '../usage/decide/usage-points.js';
import { parseTimestamp, timestamp, timestampMs } from '../util/timestamp.js';
import type { ApiContext } from './api-context.js';
import { queryText } from './decide/query.js';
import type { MethodTable } from './middleware/methods.js';
import { presentPoint, presentTaskNow, totalNow } from './present/app-usage.js';
import { queryOf } from './request-query.js';
import { sendJson } from './write-json.js';

const HOUR_MS = 3_600_000;
/** What an advice is based on: the longest stretch that has enough points. */
const basisMs = { '15m': 7 * 24 * HOUR_MS, '1m': 24 * HOUR_MS, '10s': HOUR_MS } as const;
/** A slot is shown when the looks that reach into it have come: they are 10 s apart, and take a moment. */
const SETTLED_MS = 12_000;
/** Ended tasks that are looked through for those that ran out of memory. */
const ENDS_LOOKED_AT = 20;

/** `/v2/apps/{id}/usage`: what the app used beside what it asked for, and what it had better ask for. */
export function answerAppUsage(context: ApiContext, appId: AppId): MethodTable {
  return {
    GET: async (request, response) => {
      const { usage, registry, clock } = context;
      const record = registry.get(appId);
      if (usage === undefined || record === undefined) throw new CatalogError('app-not-found', { id: appId });
      const nowMs = clock.wallMs();
      const { resolution, fromMs, toMs } = wanted(queryOf(request), nowMs);
      const points = await usage.points(appId, resolution, { fromMs, toMs });
      const { app } = record;
      const now = usage.now(appId);
      sendJson(response, 200, {
        id: appId,
        resolution: resolution.name,
        resolutionSeconds: resolution.slotSeconds,
        from: timestamp(fromMs),
        to: timestamp(toMs),
        requested: requestedOf(app),
        now: {
          ...totalNow(now),
          tasks: now.map((task) =>
            presentTaskNow(task, (taskId) => context.scheduler.instances.byTask(taskId)?.task?.hostname),
          ),
        },
        points: settled(points, resolution, nowMs).map(presentPoint),
        rightSize: await adviceFor(context, app, nowMs),
      });
    },
  };
}

function settled(
  points: readonly UsagePoint[],
  { slotSeconds }: Resolution,
  nowMs: number,
): readonly UsagePoint[] {
  return points.filter(({ atMs }) => atMs + slotSeconds * 1_000 <= nowMs - SETTLED_MS);
}

interface Wanted {
  readonly resolution: Resolution;
  readonly fromMs: number;
  readonly toMs: number;
}

/** Without `resolution` the finest that reaches back to `from`; without `from` all that a resolution remembers, or an hour. */
function wanted(query: URLSearchParams, nowMs: number): Wanted {
  const name = queryText(query, 'resolution');
  const named = name === undefined || name === '' ? undefined : resolutionNamed(name);
  if (name !== undefined && name !== '' && named === undefined) {
    const names = resolutions.map((each) => each.name).join(', ');
    throw new CatalogError('bad-request', {
      reason: `The query parameter 'resolution' must be one of ${names}`,
      hint: 'Without it the finest one is taken that reaches back to `from`.',
    });
  }
  const toMs = Math.min(nowMs, moment(query, 'to') ?? nowMs);
  const fromMs = moment(query, 'from') ?? nowMs - (named?.keptSeconds ?? 3_600) * 1_000;
  return { resolution: named ?? finestReaching(fromMs, nowMs), fromMs: Math.min(fromMs, toMs), toMs };
}

function moment(query: URLSearchParams, name: string): number | undefined {
  const text = queryText(query, name);
  if (text === undefined || text === '') return undefined;
  const at = parseTimestamp(text);
  if (at !== undefined) return timestampMs(at);
  throw new CatalogError('bad-request', {
    reason: `The query parameter '${name}' must be a time such as 2026-01-31T10:07:49.106Z`,
    hint: 'Write a plus sign as %2B.',
  });
}

const numeric = (limit: number | 'unlimited' | undefined): number | undefined =>
  typeof limit === 'number' ? limit : undefined;

function requestedOf({ instances, cpus, mem, disk, resourceLimits }: App): Readonly<Record<string, number>> {
  const cpusLimit = numeric(resourceLimits?.cpus);
  const memLimit = numeric(resourceLimits?.mem);
  return {
    instances,
    cpus,
    memMiB: mem,
    diskMiB: disk,
    ...(cpusLimit !== undefined && { cpusLimit }),
    ...(memLimit !== undefined && { memLimitMiB: memLimit }),
  };
}

async function adviceFor(
  context: ApiContext,
  app: App,
  nowMs: number,
): Promise<Readonly<Record<string, unknown>>> {
  const { resolution, points } = await basisOf(context, app.id, nowMs);
  const cpusLimit = numeric(app.resourceLimits?.cpus);
  const memLimitMiB = numeric(app.resourceLimits?.mem);
  const sized: SizedApp = {
    instances: app.instances,
    cpus: app.cpus,
    memMiB: app.mem,
    ...(cpusLimit !== undefined && { cpusLimit }),
    ...(memLimitMiB !== undefined && { memLimitMiB }),
    outOfMemoryEnds: await outOfMemoryEnds(context, app, nowMs),
  };
  const { patch, ...advice } = rightSize(sized, points);
  const [first, last] = [points[0], points.at(-1)];
  return {
    ...advice,
    ...(first &&
      last && {
        basis: {
          resolution: resolution.name,
          points: points.length,
          from: timestamp(first.atMs),
          to: timestamp(last.atMs + resolution.slotSeconds * 1_000),
        },
      }),
    ...(patch && { patch: { method: 'PATCH', path: `/v2/apps${app.id}`, body: patch } }),
  };
}

async function basisOf(
  { usage }: ApiContext,
  appId: AppId,
  nowMs: number,
): Promise<{ readonly resolution: Resolution; readonly points: readonly UsagePoint[] }> {
  let found: { resolution: Resolution; points: readonly UsagePoint[] } | undefined;
  for (const resolution of [...resolutions].reverse()) {
    const between = { fromMs: nowMs - basisMs[resolution.name], toMs: nowMs };
    found = { resolution, points: (await usage?.points(appId, resolution, between)) ?? [] };
    if (found.points.length >= LEAST_POINTS) break;
  }
  if (found === undefined) throw new Error('there is no resolution');
  return found;
}

/** Lately, and under a limit that was not lower than what is asked for now. */
async function outOfMemoryEnds({ history }: ApiContext, app: App, nowMs: number): Promise<number> {
  if (history === undefined) return 0;
  const { entries } = await history.tasks.page(app.id, { limit: ENDS_LOOKED_AT, after: undefined });
  return entries.filter(
    ({ cause, endedAt }) =>
      cause.kind === 'out-of-memory' &&
      (cause.limitMiB ?? app.mem) >= app.mem &&
      timestampMs(endedAt) >= nowMs - basisMs['15m'],
  ).length;
}
