import { parseTimestamp, type Timestamp } from '../../util/timestamp.js';
import type { GroupRecord } from '../group.js';
import { resolvePath } from '../path.js';
import { MAX_VERSIONS } from './app-history.js';

/** What a group became at `at`; without a record: it was removed. */
export interface GroupMoment {
  readonly at: Timestamp;
  readonly record?: GroupRecord;
}

/** What lies under a group's key. */
export interface GroupPast {
  /** Newest first; the first one is the present. */
  readonly moments: readonly GroupMoment[];
  /** Of the time before, not everything that was in the group is known. */
  readonly knownFrom?: Timestamp;
}

export const noPast: GroupPast = { moments: [] };

/** The group's record as it was at `at`; undefined when it was not there, or nothing is known of that time. */
export function groupAt({ moments }: GroupPast, at: Timestamp): GroupRecord | undefined {
  return moments.find((moment) => moment.at <= at)?.record;
}

/** The past once the group is `record` (undefined: no more) from `at` on. */
export function groupPastAfter(past: GroupPast, record: GroupRecord | undefined, at: Timestamp): GroupPast {
  const moment: GroupMoment = record ? { at, record } : { at };
  return { ...past, moments: [moment, ...past.moments].slice(0, MAX_VERSIONS) };
}

/** When the group as it is now came into being, as far as is known: nothing before belongs to it. */
export function livingSince({ moments }: GroupPast): Timestamp | undefined {
  const gone = moments.findIndex(({ record }) => record === undefined);
  return (gone < 0 ? moments.at(-1) : moments[gone - 1])?.at;
}

/** What lies under a group's key, or what is wrong with it. */
export function readStoredGroup(value: unknown, groupId: string): GroupPast | { readonly problem: string } {
  const stored = value as Partial<GroupPast> | null;
  const moments: unknown = stored?.moments;
  if (!Array.isArray(moments) || moments.length === 0) return { problem: 'there are no moments' };
  for (const moment of moments as readonly (Partial<GroupMoment> | null)[]) {
    if (!isTime(moment?.at)) return { problem: 'a moment has no time' };
    const record = moment?.record;
    if (record === undefined) continue;
    if (record.id !== groupId || resolvePath(groupId) !== groupId)
      return { problem: `it names ${JSON.stringify(record.id)} as its id` };
    const { dependencies, enforceRole = false, version } = record;
    if (!Array.isArray(dependencies) || !dependencies.every((each) => typeof each === 'string'))
      return { problem: '`dependencies` is no list of paths' };
    if (typeof enforceRole !== 'boolean' || !isTime(version))
      return { problem: '`enforceRole` or `version` is of a wrong kind' };
  }
  if (stored?.knownFrom !== undefined && !isTime(stored.knownFrom))
    return { problem: '`knownFrom` is no timestamp' };
  return value as GroupPast;
}

function isTime(value: unknown): boolean {
  return typeof value === 'string' && parseTimestamp(value) === value;
}
