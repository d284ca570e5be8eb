import type { Request, Response } from 'express';
import type { AppId } from '../apps/app.js';
import { CatalogError } from '../errors/registry.js';
import type { ApiContext } from './api-context.js';
import { queryText, queryWhole } from './decide/query.js';
import { accessOf } from './middleware/access.js';
import { presentEnded, presentUnended } from './present/deployment-history.js';
import { queryOf } from './request-query.js';
import { sendJson } from './write-json.js';

const DEFAULT_LIMIT = 50;
const MAX_LIMIT = 500;
const states = ['running', 'finished', 'all'] as const;
type State = (typeof states)[number];

/** Whether a list asks for more than Marathon's: then it is answered as a page. */
export function asksForHistory(request: Request): boolean {
  const query = queryOf(request);
  return ['state', 'limit', 'after'].some((name) => query.has(name));
}

/** `/v2/deployments?state=...`: those that run first, then those that are over; both newest first. */
export async function sendDeploymentHistory(
  context: ApiContext,
  request: Request,
  response: Response,
): Promise<void> {
  const query = queryOf(request);
  const state = stateOf(queryText(query, 'state'));
  const after = queryWhole(query, 'after', { min: 1, max: Number.MAX_SAFE_INTEGER });
  const limit = queryWhole(query, 'limit', { min: 1, max: MAX_LIMIT }) ?? DEFAULT_LIMIT;
  const access = accessOf(request);
  const sees = (appId: AppId): boolean => access.sees(appId);
  const { deployments, history, clock } = context;
  // Later pages begin after the running ones, of which there are never many.
  const running =
    state === 'finished' || after !== undefined
      ? []
      : [...deployments.all()]
          .reverse()
          .flatMap((each) => presentUnended(each, deployments, clock.wallMs(), sees) ?? []);
  const page =
    state === 'running' || history === undefined
      ? { entries: [], next: undefined }
      : await history.deployments.page({ limit, after }, (entry) => presentEnded(entry, sees) !== undefined);
  sendJson(response, 200, {
    deployments: [...running, ...page.entries.flatMap((entry) => presentEnded(entry, sees) ?? [])],
    ...(page.next === undefined ? {} : { next: page.next }),
  });
}

/** `/v2/deployments/{id}`: one that runs or is remembered. */
export async function sendOneDeployment(
  context: ApiContext,
  id: string,
  request: Request,
  response: Response,
): Promise<void> {
  const access = accessOf(request);
  const sees = (appId: AppId): boolean => access.sees(appId);
  const { deployments, history, clock } = context;
  const running = deployments.get(id);
  const ended = running === undefined ? await history?.deployments.get(id) : undefined;
  const shown =
    running !== undefined
      ? presentUnended(running, deployments, clock.wallMs(), sees)
      : ended && presentEnded(ended, sees);
  if (shown === undefined) throw new CatalogError('deployment-not-found', { id });
  sendJson(response, 200, shown);
}

function stateOf(text: string | undefined): State {
  const state = states.find((each) => each === (text ?? 'all'));
  if (state !== undefined) return state;
  throw new CatalogError('bad-request', {
    reason: `The query parameter 'state' must be one of ${states.join(', ')}`,
    hint: 'Without it, and without limit and after, the running ones are listed as Marathon does.',
  });
}
