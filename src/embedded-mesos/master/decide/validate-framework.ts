import type { FrameworkInfo } from '../../protocol/v1.js';
import { rolesOf, traitsOf } from './framework-traits.js';

const MAX_ID_LENGTH = 255;
/** 292 years in seconds: the longest time that fits 64 bits of nanoseconds. */
const MAX_TIMEOUT_SECONDS = 9_223_372_036;

/** What is wrong with a FrameworkInfo that wants to subscribe, or undefined (Mesos reference 1.6.1). */
export function frameworkFault(
  info: FrameworkInfo,
  suppressedRoles: readonly string[] = [],
): string | undefined {
  if (info.id) {
    const fault = idFault(info.id.value);
    if (fault) return `'FrameworkInfo.id' is not valid: ${fault}`;
  }
  const timeout = info.failover_timeout ?? 0;
  if (!Number.isFinite(timeout) || timeout < 0 || timeout > MAX_TIMEOUT_SECONDS) {
    return `The framework failover_timeout (${timeout}) is invalid`;
  }
  return rolesFault(info) ?? suppressedFault(info, suppressedRoles);
}

function rolesFault(info: FrameworkInfo): string | undefined {
  if (traitsOf(info).multiRole) {
    if (info.role !== undefined)
      return "'FrameworkInfo.role' must not be set when the framework is MULTI_ROLE capable";
    const seen = new Set<string>();
    for (const role of info.roles ?? []) {
      if (seen.has(role)) return `'FrameworkInfo.roles' contains duplicate item: ${role}`;
      seen.add(role);
    }
  } else if (info.roles?.length) {
    return "'FrameworkInfo.roles' must not be set when the framework is not MULTI_ROLE capable";
  }
  for (const role of rolesOf(info)) {
    const fault = roleFault(role);
    if (fault) return fault;
  }
  return undefined;
}

function suppressedFault(info: FrameworkInfo, suppressedRoles: readonly string[]): string | undefined {
  const subscribed = new Set(rolesOf(info));
  const stranger = suppressedRoles.find((role) => !subscribed.has(role));
  return stranger === undefined
    ? undefined
    : `Suppressed role '${stranger}' is not contained in the list of roles`;
}

/** A role is `*` or a path `a/b/c` of plain words. */
export function roleFault(role: string): string | undefined {
  if (role === '*') return undefined;
  if (role === '') return 'Empty role name is invalid';
  if (role.startsWith('/') || role.endsWith('/')) return `Role '${role}' cannot start or end with a slash`;
  for (const part of role.split('/')) {
    if (part === '') return `Role '${role}' cannot contain two adjacent slashes`;
    if (part === '.' || part === '..' || part === '*')
      return `Role '${role}' cannot include '${part}' as a component`;
    if (part.startsWith('-')) return `Role component '${part}' is invalid because it begins with a dash`;
    if (/[\s\p{Cc}]/u.test(part))
      return `Role component '${part}' is invalid because it contains a blank or a control character`;
  }
  return undefined;
}

/** Ids become names of directories, so they hold nothing that a path could trip over. */
export function idFault(id: string): string | undefined {
  if (id === '') return 'ID must not be empty';
  if (id.length > MAX_ID_LENGTH) return `ID must not be greater than ${MAX_ID_LENGTH} characters`;
  if (id === '.' || id === '..') return `'${id}' is disallowed`;
  if (/[/\\\p{Cc}]/u.test(id)) return `'${id}' contains invalid characters`;
  return undefined;
}
