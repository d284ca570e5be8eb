import type { Request, Response } from 'express';
import type { AppRecord } from '../apps/app.js';
import type { ApiContext } from './api-context.js';
import type { AppEmbed } from './decide/app-embeds.js';
import { fieldSelection, pageRequest, selectFields } from './decide/page.js';
import { takePage } from './paging.js';
import { appInfoPieces } from './present/app-info.js';
import { queryOf } from './request-query.js';
import { sendPieces } from './write-json.js';

export interface AppList {
  /** What the list is of, with all below it. */
  readonly groupId: string;
  readonly open: string;
  readonly close: string;
  /** All that may be listed, in Marathon's order. Pages are in the order of the ids. */
  readonly records: () => Iterable<AppRecord>;
  readonly include: (record: AppRecord) => boolean;
  readonly embeds: ReadonlySet<AppEmbed>;
}

/** Members of an app in a list that must be embedded to be there. */
const embedOf: ReadonlyMap<string, AppEmbed> = new Map<string, AppEmbed>([
  ['tasks', 'tasks'],
  ['tasksStaged', 'counts'],
  ['tasksRunning', 'counts'],
  ['tasksHealthy', 'counts'],
  ['tasksUnhealthy', 'counts'],
  ['deployments', 'deployments'],
  ['readinessCheckResults', 'readiness'],
  ['lastTaskFailure', 'lastTaskFailure'],
  ['taskStats', 'taskStats'],
  ['tasksStats', 'taskStats'],
]);

/** Answers a list of apps: whole, or the page and the members that are asked for. */
export async function sendAppList(
  context: ApiContext,
  request: Request,
  response: Response,
  list: AppList,
): Promise<void> {
  const query = queryOf(request);
  const page = pageRequest(query);
  const fields = fieldSelection(query);
  const embeds = fields === undefined ? list.embeds : embedsFor(fields);
  response.setHeader('X-Event-Position', context.events.position());
  const timeless = !embeds.has('taskStats') && !embeds.has('readiness');
  const tag = context.tags.list(request, list.groupId, timeless);
  let records = list.records();
  let include = list.include;
  if (page) {
    const below = list.groupId === '/' ? '/' : `${list.groupId}/`;
    const within = (record: AppRecord): boolean => record.app.id.startsWith(below) && list.include(record);
    const first = page.after === undefined || page.after < below ? below : page.after;
    const candidates = until(context.order.from(first), below);
    records = await takePage(request, response, candidates, page, ({ app }) => app.id, within);
    include = () => true;
  }
  if (context.tags.answeredUnchanged(request, response, tag)) return;
  const pieces = appListPieces(context, records, include, embeds, fields);
  await sendPieces(request, response, wrapped(list.open, pieces, list.close), context.clock);
}

/** Up to the end of the group: nothing behind it is looked at. */
function* until(records: Iterable<AppRecord>, below: string): Generator<AppRecord> {
  for (const record of records) {
    if (!record.app.id.startsWith(below)) return;
    yield record;
  }
}

function embedsFor(fields: ReadonlySet<string>): ReadonlySet<AppEmbed> {
  return new Set([...fields].flatMap((name) => embedOf.get(name) ?? []));
}

function* appListPieces(
  context: ApiContext,
  records: Iterable<AppRecord>,
  include: (record: AppRecord) => boolean,
  embeds: ReadonlySet<AppEmbed>,
  fields: ReadonlySet<string> | undefined,
): Generator<string> {
  let separator = '';
  for (const record of records) {
    if (!include(record)) {
      // An empty piece: a filter that lets nothing through must not hold the event loop either.
      yield '';
      continue;
    }
    if (separator) yield separator;
    const pieces = appInfoPieces(context, record, embeds);
    if (fields) yield selectFields([...pieces].join(''), fields);
    else yield* pieces;
    separator = ',';
  }
}

export function* wrapped(open: string, pieces: Iterable<string>, close: string): Generator<string> {
  yield open;
  yield* pieces;
  yield close;
}
