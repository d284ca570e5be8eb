import type { Timestamp } from '../../util/timestamp.js';
import type { App } from '../app.js';
import type { AppField } from './changed-fields.js';

/** What a change means for an app's instances. */
export type ChangeKind = 'created' | 'unchanged' | 'scaled' | 'in-place' | 'relaunch' | 'restarted';

/** `fields`: those that changed; `relaunch`: whether the launch hash did. */
export function changeKind(
  before: App | undefined,
  fields: readonly AppField[],
  relaunch: boolean,
): ChangeKind {
  if (!before) return 'created';
  if (relaunch) return 'relaunch';
  if (fields.length === 0) return 'unchanged';
  return fields.every((field) => field === 'instances') ? 'scaled' : 'in-place';
}

/**
 * The versions of an app after a change stamped `version` (Marathon reference 2.9). `lastConfigChangeAt` tells outdated
 * instances from current ones, so a change that takes effect in place leaves it where it was.
 */
export function versionsAfter(
  kind: ChangeKind,
  before: App | undefined,
  scaled: boolean,
  version: Timestamp,
): Pick<App, 'version' | 'versionInfo'> {
  if (!before || kind === 'created' || kind === 'relaunch') {
    return { version, versionInfo: { lastScalingAt: version, lastConfigChangeAt: version } };
  }
  const { lastScalingAt, lastConfigChangeAt } = before.versionInfo;
  switch (kind) {
    case 'unchanged':
      return { version: before.version, versionInfo: before.versionInfo };
    case 'restarted':
      return { version, versionInfo: { lastScalingAt, lastConfigChangeAt: version } };
    case 'scaled':
    case 'in-place':
      return {
        version,
        versionInfo: { lastScalingAt: scaled ? version : lastScalingAt, lastConfigChangeAt },
      };
  }
}
