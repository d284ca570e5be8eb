import type { Request, Response } from 'express';
import type { AppId, AppRecord } from '../apps/app.js';
import { appDiff } from '../apps/decide/app-diff.js';
import type { AppAfter } from '../apps/decide/prepare-changes.js';
import { presentApp } from '../apps/present-app.js';
import { peakExtraCapacity } from '../deployments/decide/peak-extra.js';
import type { PreparedChange } from '../deployments/deployment.js';
import type { Timestamp } from '../util/timestamp.js';
import type { ApiContext } from './api-context.js';
import { changeWord, toPlace } from './decide/announced-change.js';
import { queryFlag } from './decide/query.js';
import type { WriteTarget } from './entity-tags.js';
import { accessOf } from './middleware/access.js';
import { noteDryRun } from './middleware/audit-writes.js';
import { judgePlacement } from './placement.js';
import { queryOf } from './request-query.js';
import { sendJson } from './write-json.js';

/** Most deployments that are named as standing in the way. */
const MAX_LOCKS_NAMED = 20;

export const isDryRun = (request: Request): boolean => queryFlag(queryOf(request), 'dryRun', false);

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
 * judged as the change itself would be: rights, preconditions, validation; only locks are told instead of refused.
 */
export async function answerDryRun(
  context: Context,
  request: Request,
  response: Response,
  prepare: (version: Timestamp) => PreparedChange,
  target: WriteTarget,
): Promise<void> {
  const { deployments, registry, settings, tags } = context;
  noteDryRun(request);
  let prepared: PreparedChange = { apps: [], groups: [] };
  const preview = deployments.previewTree((version) => {
    prepared = prepare(version);
    return prepared;
  });
  const access = accessOf(request);
  for (const { groupId } of prepared.groups) access.require('deploy', groupId);
  for (const { appId } of prepared.apps) access.require('deploy', appId);
  tags.check(request, response, target);
  const apps = announced(prepared.apps, (appId) => registry.get(appId));
  const changed = apps.filter(({ before, after }) => before !== after);
  const checkVersion = tags.definition(target);
  if (checkVersion !== undefined) response.setHeader('ETag', checkVersion);
  const placements = await judgePlacement(context, changed.map(toPlace));
  sendJson(response, 200, {
    dryRun: true,
    version: preview.version,
    ...(checkVersion === undefined ? {} : { checkVersion }),
    definitions: apps.flatMap(({ after }) => (after ? [presentApp(after.app)] : [])),
    changes: apps.map((app) => presentChange(app, settings.restartOnAnyChange)),
    groups: prepared.groups.map(({ groupId, after }) => ({
      id: groupId,
      change: !after ? 'delete' : registry.groups.get(groupId) ? 'update' : 'create',
    })),
    steps: preview.steps.map(({ actions }) => ({
      actions: actions.map(({ action, app }) => ({ action, app })),
    })),
    placement: placements,
    peakExtraCapacity: peakExtraCapacity(preview.steps, changed),
    lockedBy: [...new Set(changed.flatMap(({ appId }) => deployments.affecting(appId)))].slice(
      0,
      MAX_LOCKS_NAMED,
    ),
  });
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
