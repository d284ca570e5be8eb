import type { AuditFacts } from '../audit-trail.js';
import { covers } from './rights.js';

/** What a reader of the audit trail wants to see; `app` is an app's id or a group above it. */
export interface AuditFilter {
  readonly who?: string;
  readonly app?: string;
}

export function matchesFilter(entry: Pick<AuditFacts, 'who' | 'apps'>, { who, app }: AuditFilter): boolean {
  if (who !== undefined && entry.who !== who) return false;
  return app === undefined || (entry.apps ?? []).some((id) => covers(app, id));
}
