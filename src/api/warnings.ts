import type { Response } from 'express';
import type { ClaimsView } from '../apps/decide/route-conflicts.js';
import type { KnownCertificates } from '../certificates/decide/missing-certificates.js';
import type { ApiContext } from './api-context.js';
import {
  type Change,
  certificateWarnings,
  conflictWarnings,
  labelWarnings,
  unknownFieldWarnings,
  warningLine,
} from './decide/warnings.js';

/** Says in an answer what of an accepted definition has no effect: nothing is refused for it, and nothing is hidden. */
export const WARNING_HEADER = 'X-Longrun-Warning';

const ofBodies = new WeakMap<Response, readonly string[]>();

/** Remembers the members of a definition, or of several, that nobody reads. `isKnown`: those that somebody does. */
export function noteUnknownFields(
  response: Response,
  body: unknown,
  isKnown: (member: string) => boolean,
): void {
  ofBodies.set(response, unknownFieldWarnings(body, isKnown));
}

type Surroundings = Pick<ApiContext, 'settings' | 'registry' | 'certificates'>;

/** Where conflicts are looked up for warnings; undefined where they are refused, so that there is nothing to warn of. */
function acceptedClaims({ settings, registry }: Surroundings): ClaimsView | undefined {
  return settings.lbConflicts === 'warn' ? registry.routeClaims : undefined;
}

/** What labels say in HAProxy's language goes into HAProxy's configuration. */
export function takesRawLabels({ lb, lbRawLabels }: ApiContext['settings']): boolean {
  return lb === 'haproxy' && lbRawLabels;
}

/** Undefined: there are no certificates at all here. */
export function knownCertificates({
  certificates,
  settings,
}: Pick<ApiContext, 'certificates' | 'settings'>): KnownCertificates | undefined {
  if (!certificates) return undefined;
  return {
    find: (name) => certificates.find(name),
    hasFolder: settings.lbCerts !== undefined,
    hasAcme: settings.lbAcme !== undefined,
  };
}

/** Everything that has no effect, or is another app's, in what the request brings; names it in the answer's head. */
export function warnAbout(
  response: Response,
  changes: readonly Change[],
  context: Surroundings,
): readonly string[] {
  const claims = acceptedClaims(context);
  const known = knownCertificates(context);
  const warnings = [
    ...(ofBodies.get(response) ?? []),
    ...labelWarnings(changes, takesRawLabels(context.settings)),
    ...(known ? certificateWarnings(changes, known) : []),
    ...(claims ? conflictWarnings(changes, claims) : []),
  ];
  const line = warningLine(warnings);
  if (line === undefined) response.removeHeader(WARNING_HEADER);
  else response.setHeader(WARNING_HEADER, line);
  return warnings;
}
