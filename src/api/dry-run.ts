import type { Request, Response } from 'express';
import type { AppId, AppRecord } from '../apps/app.js';
import { appDiff } from '../apps/decide/app-diff.js';
import type { AppAfter } from '../apps/decide/prepare-changes.js';
import type { GroupAfter } from '../apps/group.js';
import { presentApp } from '../apps/present-app.js';
import { peakExtraCapacity } from '../deployments/decide/peak-extra.js';
import type { ChangePreview, PreparedChange } from '../deployments/deployment.js';
import { followedBy, type Stepwise } from '../util/steps.js';
import type { Timestamp } from '../util/timestamp.js';
import type { ApiContext } from './api-context.js';
import { changeWord, toPlace } from './decide/announced-change.js';
import type { WriteTarget } from './entity-tags.js';
import { accessOf } from './middleware/access.js';
import { judgePlacement, type Placement } from './placement.js';
import { warnAbout } from './warnings.js';
import { sendPieces } from './write-json.js';

/** Most deployments that are named as standing in the way. */
const MAX_LOCKS_NAMED = 20;

/** One app of a change, before and after. */
export interface AnnouncedApp {
  readonly appId: AppId;
  readonly before: AppRecord | undefined;
  readonly after: AppRecord | undefined;
}

type Context = Pick<
  ApiContext,
  'deployments' | 'registry' | 'scheduler' | 'settings' | 'freeOffers' | 'clock' | 'tags'
>;

/**
 * Answers what a change would mean, and changes nothing: the definitions as they would be stored, what differs and what that
 * does to running instances, the plan, whether it would fit right now, and how much it takes at its peak. Everything is
 * judged as the change itself would be, in the line with the changes: rights, preconditions, validation; only locks are told
 * instead of refused.
 */
export async function answerDryRun(
  context: Context,
  request: Request,
  response: Response,
  prepare: Stepwise<Timestamp, PreparedChange>,
  target: WriteTarget,
): Promise<void> {
  const { deployments, registry, tags, clock } = context;
  let prepared: PreparedChange = { apps: [], groups: [] };
  const noted = followedBy(prepare, (change) => {
    prepared = change;
    return change;
  });
  const preview = await deployments.previewTree(noted);
  const access = accessOf(request);
  for (const { groupId } of prepared.groups) access.require('deploy', groupId);
  for (const { appId } of prepared.apps) access.require('deploy', appId);
  tags.check(request, response, target);
  const apps = announced(prepared.apps, (appId) => registry.get(appId));
  const changed = apps.filter(({ before, after }) => before !== after);
  const checkVersion = tags.definition(target);
  if (checkVersion !== undefined) response.setHeader('ETag', checkVersion);
  const placements = await judgePlacement(context, changed.map(toPlace));
  const { groups } = prepared;
  const warnings = warnAbout(response, changed, context);
  const announcement = { preview, checkVersion, apps, changed, groups, placements, warnings };
  const pieces = dryRunPieces(context, announcement);
  await sendPieces(request, response, pieces, clock);
}

interface Announcement {
  readonly preview: ChangePreview;
  readonly checkVersion: string | undefined;
  readonly apps: readonly AnnouncedApp[];
  /** Those of `apps` that do not stay as they are. */
  readonly changed: readonly AnnouncedApp[];
  readonly groups: readonly GroupAfter[];
  readonly placements: readonly Placement[];
  readonly warnings: readonly string[];
}

function* dryRunPieces(context: Context, announcement: Announcement): Generator<string> {
  const { preview, checkVersion, apps, changed, groups, placements, warnings } = announcement;
  const { deployments, registry, settings } = context;
  yield `{"dryRun":true,"version":${JSON.stringify(preview.version)}`;
  if (checkVersion !== undefined) yield `,"checkVersion":${JSON.stringify(checkVersion)}`;
  if (warnings.length > 0) yield `,"warnings":${JSON.stringify(warnings)}`;
  yield ',"definitions":';
  yield* listPieces(
    apps.filter(({ after }) => after !== undefined),
    ({ after }) => after && presentApp(after.app),
  );
  yield ',"changes":';
  yield* listPieces(apps, (app) => presentChange(app, settings.restartOnAnyChange));
  yield ',"groups":';
  yield* listPieces(groups, ({ groupId, after }) => ({
    id: groupId,
    change: !after ? 'delete' : registry.groups.get(groupId) ? 'update' : 'create',
  }));
  yield ',"steps":';
  yield* listPieces(preview.steps, ({ actions }) => ({
    actions: actions.map(({ action, app }) => ({ action, app })),
  }));
  yield ',"placement":';
  yield* listPieces(placements, (placement) => placement);
  yield `,"peakExtraCapacity":${JSON.stringify(peakExtraCapacity(preview.steps, changed))}`;
  const locks = new Set(changed.flatMap(({ appId }) => deployments.affecting(appId)));
  yield `,"lockedBy":${JSON.stringify([...locks].slice(0, MAX_LOCKS_NAMED))}}`;
}

function* listPieces<Item>(items: readonly Item[], present: (item: Item) => unknown): Generator<string> {
  yield '[';
  for (const [index, item] of items.entries())
    yield `${index === 0 ? '' : ','}${JSON.stringify(present(item))}`;
  yield ']';
}

function announced(
  apps: readonly AppAfter[],
  current: (appId: AppId) => AppRecord | undefined,
): readonly AnnouncedApp[] {
  return apps.map(({ appId, after }) => ({ appId, before: current(appId), after }));
}

function presentChange({ appId, before, after }: AnnouncedApp, restartOnAnyChange: boolean): object {
  const diff = before && after ? appDiff(before, after, restartOnAnyChange) : [];
  const named = (effect: string): readonly string[] =>
    diff.filter((entry) => entry.effect === effect).map(({ path }) => path);
  return {
    id: appId,
    change: changeWord(before, after),
    restartsInstances: before !== undefined && after !== undefined && before.launchHash !== after.launchHash,
    restartingFields: named('restart'),
    inPlaceFields: named('in-place'),
    diff,
  };
}
