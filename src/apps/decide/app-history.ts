import type { Timestamp } from '../../util/timestamp.js';

/** Moments kept of each app and of each group: the newest. */
export const MAX_VERSIONS = 50;

/**
 * A moment at which an app did not simply take on a new version: it was deleted (`version` absent), or an older version
 * was put back as it had been.
 */
export interface Turn {
  readonly at: Timestamp;
  readonly version?: Timestamp;
}

/** What is kept of an app's past. `versions`: stored records, newest first. `turns`: newest first. */
export interface AppHistory {
  readonly versions: readonly Timestamp[];
  readonly turns: readonly Turn[];
}

export const noHistory: AppHistory = { versions: [], turns: [] };

/** Everything that happened to the app, newest first: a version came into force when it was made, or by a turn. */
export function momentsOf({ versions, turns }: AppHistory): readonly Turn[] {
  const moments: Turn[] = versions.map((version) => ({ at: version, version }));
  if (turns.length === 0) return moments;
  moments.push(...turns);
  return moments.sort((left, right) => (left.at < right.at ? 1 : -1));
}

/** The version in force at `at`; undefined when the app was not there, or nothing is known of that time. */
export function versionAt(history: AppHistory, at: Timestamp): Timestamp | undefined {
  return momentsOf(history).find((moment) => moment.at <= at)?.version;
}

/** The first moment that is known. */
export function firstMoment(history: AppHistory): Timestamp | undefined {
  return momentsOf(history).at(-1)?.at;
}

/**
 * The history once `version` (undefined: the app is deleted) is in force from `at` on, and the versions given up for it.
 * Of all moments the newest MAX_VERSIONS are kept, with the versions that they name.
 */
export function historyAfter(
  history: AppHistory,
  version: Timestamp | undefined,
  at: Timestamp,
): AppHistory & { readonly dropped: readonly Timestamp[] } {
  if (version === undefined) return bounded({ ...history, turns: [{ at }, ...history.turns] });
  const known = history.versions.includes(version);
  const versions = known ? history.versions : [version, ...history.versions].sort().reverse();
  const turns = version === at ? history.turns : [{ at, version }, ...history.turns];
  return bounded({ versions, turns });
}

function bounded(history: AppHistory): AppHistory & { readonly dropped: readonly Timestamp[] } {
  const moments = momentsOf(history);
  if (moments.length <= MAX_VERSIONS) return { ...history, dropped: [] };
  const kept = moments.slice(0, MAX_VERSIONS);
  return keeping(
    history,
    new Set(kept.flatMap(({ version }) => version ?? [])),
    new Set(kept.map(({ at }) => at)),
  );
}

/** What of a deleted app's past the versions `listed` (of the groups around it) need. */
export function neededPast(
  history: AppHistory,
  listed: Iterable<Timestamp>,
): AppHistory & { readonly dropped: readonly Timestamp[] } {
  const moments = momentsOf(history);
  const needed = new Set<Timestamp>();
  for (const at of listed) {
    const version = moments.find((moment) => moment.at <= at)?.version;
    if (version !== undefined) needed.add(version);
  }
  return keeping(history, needed, new Set(moments.map(({ at }) => at)));
}

function keeping(
  { versions, turns }: AppHistory,
  keptVersions: ReadonlySet<Timestamp>,
  keptMoments: ReadonlySet<Timestamp>,
): AppHistory & { readonly dropped: readonly Timestamp[] } {
  return {
    versions: versions.filter((version) => keptVersions.has(version)),
    turns: turns.filter(
      ({ at, version }) => keptMoments.has(at) && (version === undefined || keptVersions.has(version)),
    ),
    dropped: versions.filter((version) => !keptVersions.has(version)),
  };
}

/**
 * The versions of the app as it lives now, newest first: those of an earlier life that ended in a deletion are not among
 * them, unless it was brought back by putting back what was deleted.
 */
export function livingVersions(history: AppHistory): readonly Timestamp[] {
  const living = new Set<Timestamp>();
  let newer: Turn | undefined;
  for (const moment of momentsOf(history)) {
    if (moment.version !== undefined) living.add(moment.version);
    else if (newer === undefined || newer.version === newer.at) break;
    newer = moment;
  }
  return [...living].sort().reverse();
}
