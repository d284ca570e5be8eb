import type { Request, RequestHandler, Response } from 'express';
import type { AppId, AppRecord } from '../../apps/app.js';
import type { AuditTrail } from '../../auth/audit-trail.js';
import type { Log } from '../../logging/log.js';
import { changedFields } from '../decide/changed-fields.js';
import { isDryRun } from '../request-query.js';
import { isUpgrade } from '../upgrades.js';
import { accessOf } from './access.js';
import { requestIdOf } from './request-id.js';

/** Methods that change nothing. */
const readMethods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);
/** Most apps and fields that one entry names. */
export const MAX_NAMED = 100;
const MAX_PATH_CHARACTERS = 512;
/** Where writes only tell what they would mean when that is all they are asked for; elsewhere `dryRun` means nothing. */
const dryRunPaths = /^\/v2\/(apps|groups|tasks)(?=[/?]|$)/;

/** What a handler knows about its change, for the trail. */
interface Notes {
  deploymentId?: string;
  readonly apps: Set<string>;
  readonly fields: Set<string>;
}

const notes = new WeakMap<object, Notes>();

function notesOf(request: Request): Notes {
  const known = notes.get(request) ?? { apps: new Set(), fields: new Set() };
  notes.set(request, known);
  return known;
}

/** Notes an app that a request touches, and how its definition changes. */
export function noteApp(
  request: Request,
  appId: AppId,
  change?: { readonly before: AppRecord | undefined; readonly after: AppRecord | undefined },
): void {
  const { apps, fields } = notesOf(request);
  if (apps.size < MAX_NAMED) apps.add(appId);
  if (change === undefined || fields.size >= MAX_NAMED) return;
  for (const name of changedFields(change.before, change.after)) fields.add(name);
}

/** Forgets what was noted: the change is being prepared anew. */
export function forgetNotes(request: Request): void {
  notes.delete(request);
}

export function noteDeployment(request: Request, deploymentId: string): void {
  notesOf(request).deploymentId = deploymentId;
}

/**
 * Makes every write durable in the audit trail before its answer ends, refused ones too, and so every refused session in a
 * task (one that begins is noted where it begins); dry runs change nothing and leave
 * no entry, however they end. When the trail cannot be written
 * the answer goes out all the same (what it tells has happened) and the log has the loss.
 */
export function auditWrites(trail: Pick<AuditTrail, 'append'>, log: Log): RequestHandler {
  return (request, response, next) => {
    if (!readMethods.has(request.method) || isUpgrade(request)) holdEnd(request, response, trail, log);
    next();
  };
}

function holdEnd(request: Request, response: Response, trail: Pick<AuditTrail, 'append'>, log: Log): void {
  const end: (...given: unknown[]) => unknown = response.end.bind(response) as never;
  // The address is gone once the client is.
  const from = request.socket.remoteAddress ?? '';
  // Asked now: routers cut the path.
  const changesNothing = dryRunPaths.test(request.originalUrl) && isDryRun(request);
  let held = false;
  const hold = (...given: unknown[]): Response => {
    if (held) return response;
    held = true;
    if (changesNothing) {
      end(...given);
      return response;
    }
    const { principal } = accessOf(request);
    const { deploymentId, apps, fields } = notesOf(request);
    const facts = {
      who: principal.name,
      kind: principal.kind,
      from,
      method: request.method,
      path: (request.originalUrl.split('?')[0] ?? '').slice(0, MAX_PATH_CHARACTERS),
      status: response.statusCode,
      requestId: requestIdOf(request),
      ...(deploymentId === undefined ? {} : { deploymentId }),
      ...(apps.size === 0 ? {} : { apps: [...apps] }),
      ...(fields.size === 0 ? {} : { fields: [...fields].slice(0, MAX_NAMED) }),
    };
    trail
      .append(facts)
      .catch((error: unknown) => {
        const { who, method, path, status, requestId } = facts;
        const lost = { who, method, path, status, requestId, error: String(error) };
        log.error('a write is missing in the audit trail', lost);
      })
      .then(() => end(...given))
      .catch((error: unknown) => log.error('an answer could not be ended', { error: String(error) }));
    return response;
  };
  response.end = hold as typeof response.end;
}
