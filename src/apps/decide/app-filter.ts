import type { App } from '../app.js';
import { parseLabelSelector } from '../label-selector.js';

/** The filters of `GET /v2/apps`; absent ones let everything pass. */
export interface AppFilter {
  readonly id?: string | undefined;
  readonly cmd?: string | undefined;
  readonly label?: string | undefined;
}

/**
 * A predicate on apps that holds when every given filter does: `id` and `cmd` are substrings, whatever the case;
 * `label` is a selector. Throws `invalid-argument` for a selector that cannot be read.
 */
export function appFilter({ id, cmd, label }: AppFilter): (app: App) => boolean {
  const idPart = id?.toLowerCase();
  const cmdPart = cmd?.toLowerCase();
  const labelsMatch = label === undefined ? undefined : parseLabelSelector(label);
  return (app) =>
    (idPart === undefined || app.id.toLowerCase().includes(idPart)) &&
    (cmdPart === undefined || (app.cmd?.toLowerCase().includes(cmdPart) ?? false)) &&
    (labelsMatch === undefined || labelsMatch(app.labels));
}
