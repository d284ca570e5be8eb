import type { Response } from 'express';
import type { AppId, AppRecord } from '../apps/app.js';
import { labelWarnings, unknownFieldWarnings, warningLine } from './decide/warnings.js';

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

/** Everything that has no effect in what the request brings; names it in the answer's head. */
export function warnAbout(
  response: Response,
  changes: readonly {
    readonly appId: AppId;
    readonly before: AppRecord | undefined;
    readonly after: AppRecord | undefined;
  }[],
): readonly string[] {
  const warnings = [...(ofBodies.get(response) ?? []), ...labelWarnings(changes)];
  const line = warningLine(warnings);
  if (line === undefined) response.removeHeader(WARNING_HEADER);
  else response.setHeader(WARNING_HEADER, line);
  return warnings;
}
