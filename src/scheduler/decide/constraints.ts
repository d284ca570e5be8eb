import type { Constraint } from '../../apps/app.js';
import { scalarText } from '../../embedded-mesos/protocol/attribute-text.js';

/** Where the counted instances of one app stand; kept incrementally (constraint-counters.ts). */
export interface PlacedView {
  /** Counted instances per value of `field`, in the order in which the values were first used. */
  groups(field: string): ReadonlyMap<string, number>;
  /** Values of `field` on agents that could take the app now, used or not (for GROUP_BY). */
  available(field: string): Iterable<string>;
}

/** Key of the group of instances whose agent lacks the field (they are a group of their own). */
export const ABSENT = '\u0000absent';

const MAX_PATTERNS = 1_000;
const patterns = new Map<string, RegExp | undefined>();

/** The pattern as a full match, remembered; undefined when it is none. */
function fullMatch(pattern: string): RegExp | undefined {
  if (patterns.has(pattern)) return patterns.get(pattern);
  if (patterns.size >= MAX_PATTERNS) patterns.clear();
  let compiled: RegExp | undefined;
  try {
    compiled = new RegExp(`^(?:${pattern})$`, 's');
  } catch {
    // Not a pattern here: such a constraint refuses every offer, and its explanation says why.
    compiled = undefined;
  }
  patterns.set(pattern, compiled);
  return compiled;
}

function isText(value: string): string {
  const number = Number(value);
  return value.trim() !== '' && Number.isFinite(number) ? scalarText(number) : value;
}

/** Whole groups asked for by GROUP_BY; 0 without a value, unbounded for `inf`. */
export function groupCount(value: string | undefined): number {
  if (value === undefined || value === '') return 0;
  if (value.toLowerCase() === 'inf') return Number.POSITIVE_INFINITY;
  const count = Number.parseInt(value, 10);
  return Number.isNaN(count) ? 0 : count;
}

function judgeGroupBy(
  field: string,
  value: string | undefined,
  offered: string,
  placed: PlacedView,
): string | undefined {
  const wanted = groupCount(value);
  const used = placed.groups(field);
  const known = new Set<string>(used.keys());
  for (const each of placed.available(field)) known.add(each);
  known.add(offered);
  const mine = used.get(offered) ?? 0;
  let smallest = mine;
  let where = offered;
  for (const each of known) {
    const count = used.get(each) ?? 0;
    if (count < smallest) {
      smallest = count;
      where = each;
    }
  }
  if (known.size < wanted && mine > 0) {
    return `GROUP_BY ${field} wants ${wanted} groups, only ${known.size} known: waits for an agent with another ${field} than '${offered}'`;
  }
  if (mine <= smallest) return undefined;
  const named = where === ABSENT ? `agents without ${field}` : `'${where}'`;
  return `GROUP_BY ${field}: '${offered}' already has ${mine}, ${named} only ${smallest}`;
}

/**
 * Whether one constraint accepts an agent whose field has this value (Marathon reference 6.1). Undefined: yes; else why not.
 * GROUP_BY follows the documented rule: place into the smallest group among those used and those at hand, and with a value
 * wait until that many groups are known.
 */
export function judgeConstraint(
  [field, operator, value]: Constraint,
  offered: string | undefined,
  placed: PlacedView,
): string | undefined {
  if (offered === undefined) {
    return operator === 'UNLIKE' ? undefined : `${operator} ${field}: the agent has no ${field}`;
  }
  switch (operator) {
    case 'UNIQUE': {
      const count = placed.groups(field).get(offered) ?? 0;
      return count === 0 ? undefined : `UNIQUE ${field}: '${offered}' already has ${count}`;
    }
    case 'CLUSTER': {
      if (value !== undefined && value !== '') {
        return offered === value ? undefined : `CLUSTER ${field} wants '${value}', offered '${offered}'`;
      }
      const [first] = placed.groups(field).keys();
      return first === undefined || first === offered
        ? undefined
        : `CLUSTER ${field}: bound to '${first}', offered '${offered}'`;
    }
    case 'GROUP_BY':
      return judgeGroupBy(field, value, offered, placed);
    case 'LIKE': {
      const pattern = fullMatch(value ?? '');
      if (!pattern) return `LIKE ${field}: '${value}' is not a pattern`;
      return pattern.test(offered) ? undefined : `LIKE ${field} wants '${value}', offered '${offered}'`;
    }
    case 'UNLIKE': {
      const pattern = fullMatch(value ?? '');
      if (!pattern) return `UNLIKE ${field}: '${value}' is not a pattern`;
      return pattern.test(offered) ? `UNLIKE ${field} shuns '${value}', offered '${offered}'` : undefined;
    }
    case 'MAX_PER': {
      const most = Number.parseInt(value ?? '', 10);
      const count = placed.groups(field).get(offered) ?? 0;
      return count < most ? undefined : `MAX_PER ${field} ${value}: '${offered}' already has ${count}`;
    }
    case 'IS':
      return isText(offered) === isText(value ?? '')
        ? undefined
        : `IS ${field} wants '${value}', offered '${offered}'`;
  }
}
