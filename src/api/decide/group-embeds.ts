import { type AppEmbed, appEmbeds } from './app-embeds.js';

/** What of a group is shown beside its own fields. */
export interface GroupEmbeds {
  readonly groups: boolean;
  readonly apps: boolean;
  readonly pods: boolean;
  /** What is shown of each app beside its own fields. */
  readonly ofApps: ReadonlySet<AppEmbed>;
}

const APP_PREFIX = 'group.apps.';

/**
 * Reads `embed` parameters of a group: without any, groups, apps and pods are shown, with any only what they name. What
 * is embedded in apps needs the prefix `group.apps.`; unknown names are ignored.
 */
export function groupEmbeds(asked: readonly string[]): GroupEmbeds {
  const shows = (name: string): boolean => asked.length === 0 || asked.includes(name);
  return {
    groups: shows('group.groups'),
    apps: shows('group.apps'),
    pods: shows('group.pods'),
    ofApps: appEmbeds(
      [],
      asked.filter((name) => name.startsWith(APP_PREFIX)),
    ),
  };
}
