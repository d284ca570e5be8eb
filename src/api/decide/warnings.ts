import type { App, AppId, AppRecord } from '../../apps/app.js';
import { appRouting } from '../../apps/decide/port-routing.js';
import { type ClaimsView, conflictText, findConflicts } from '../../apps/decide/route-conflicts.js';
import { type RoutingWarning, routingWarnings } from '../../apps/decide/routing-warnings.js';
import {
  type KnownCertificates,
  missingCertificates,
} from '../../certificates/decide/missing-certificates.js';

/** Most warnings of one answer, and most of them in its head. */
const MAX_WARNINGS = 100;
const MAX_IN_HEAD = 5;
const MAX_CHARACTERS = 300;
/** Most definitions of one body that are looked at. */
const MAX_DEFINITIONS = 1_000;

/** One app of a change. */
export interface Change {
  readonly appId: AppId;
  readonly before: AppRecord | undefined;
  readonly after: AppRecord | undefined;
}

/** What of the labels has no effect; only what the change brings, alters or makes so. */
export function labelWarnings(changes: readonly Change[], takesRaw = false): readonly string[] {
  const warnings: string[] = [];
  for (const { appId, before, after } of changes) {
    if (before === after || !after) continue;
    const known = before ? routingWarnings(before.app, takesRaw) : [];
    for (const warning of routingWarnings(after.app, takesRaw)) {
      const same = before?.app.labels[warning.label] === after.app.labels[warning.label];
      if (same && isAmong(warning, known)) continue;
      warnings.push(`${appId}: ${warning.text}`);
      if (warnings.length === MAX_WARNINGS) return warnings;
    }
  }
  return warnings;
}

/** What the change newly claims though another app has it; they are accepted only with --lb-conflicts=warn. */
export function conflictWarnings(changes: readonly Change[], claims: ClaimsView): readonly string[] {
  const after = changes.flatMap(({ before, after }) => (after ? [{ before, after }] : []));
  const removed = new Set(changes.flatMap(({ appId, after }) => (after ? [] : [appId])));
  const warnings: string[] = [];
  for (const found of findConflicts(after, removed, claims)) {
    if (!found) continue;
    warnings.push(`${found.appId}: ${conflictText(found.claim, found.other)}`);
    if (warnings.length === MAX_WARNINGS) break;
  }
  return warnings;
}

/** Certificates that are named newly, or on a port that is new, and are not there. */
export function certificateWarnings(changes: readonly Change[], known: KnownCertificates): readonly string[] {
  const warnings: string[] = [];
  for (const { appId, before, after } of changes) {
    if (before === after || !after) continue;
    const told = before ? portCertificateWarnings(before.app, known) : [];
    for (const text of portCertificateWarnings(after.app, known)) {
      if (!told.includes(text)) warnings.push(`${appId}: ${text}`);
      if (warnings.length === MAX_WARNINGS) return warnings;
    }
  }
  return warnings;
}

/** Of each port of an app: what it names to speak TLS with and is not there. */
export function portCertificateWarnings(app: App, known: KnownCertificates): readonly string[] {
  return appRouting(app).ports.flatMap((port, index) =>
    port.tls ? missingCertificates(port.tls, known).map((text) => `port ${index}: ${text}`) : [],
  );
}

function isAmong({ label, text }: RoutingWarning, warnings: readonly RoutingWarning[]): boolean {
  return warnings.some((each) => each.label === label && each.text === text);
}

/** Members of a definition, or of a list of them, that nobody reads: spelled wrongly, or another version's. */
export function unknownFieldWarnings(body: unknown, isKnown: (member: string) => boolean): readonly string[] {
  const warnings: string[] = [];
  for (const definition of (Array.isArray(body) ? body : [body]).slice(0, MAX_DEFINITIONS) as unknown[]) {
    if (typeof definition !== 'object' || definition === null) continue;
    const id = 'id' in definition && typeof definition.id === 'string' ? `${definition.id}: ` : '';
    for (const name of Object.keys(definition)) {
      if (!isKnown(name)) warnings.push(`${id}the field ${name} is unknown and was left out`);
      if (warnings.length === MAX_WARNINGS) return warnings;
    }
  }
  return warnings;
}

/** The first of them as the value of a header; undefined when there are none. */
export function warningLine(warnings: readonly string[]): string | undefined {
  if (warnings.length === 0) return undefined;
  const first = warnings.slice(0, MAX_IN_HEAD).map((text) => text.slice(0, MAX_CHARACTERS));
  const rest = warnings.length - first.length;
  const line = [...first, ...(rest > 0 ? [`and ${rest} more`] : [])].join(' | ');
  return line.replaceAll('’', "'").replaceAll(/[^\x20-\x7e]/g, '?');
}
