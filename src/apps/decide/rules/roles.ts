import type { DefinitionSettings } from '../../app-input.js';
import type { Finding, Rule } from './rule.js';

/** Names that Mesos forbids for roles. */
function roleNameProblem(role: string): string | undefined {
  if (role === '' || role === '.' || role === '..') return `A role name must not be "${role}".`;
  if (role.startsWith('-')) return "A role name must not start with a '-'.";
  const forbidden: readonly (readonly [char: string, name: string])[] = [
    [' ', 'a space (\\x20)'],
    ['\t', 'a horizontal tab (\\x09)'],
    ['\n', 'a line feed (\\x0a)'],
    ['\v', 'a vertical tab (\\x0b)'],
    ['\f', 'a form feed (\\x0c)'],
    ['\r', 'a carriage return (\\x0d)'],
    ['/', 'a slash (\\x2f)'],
    ['\b', 'a backspace (\\x08)'],
  ];
  const found = forbidden.find(([char]) => role.includes(char));
  return found && `A role name must not include ${found[1]} character.`;
}

function rolesIn({ roles, defaultRole }: DefinitionSettings): readonly string[] {
  return roles ?? [defaultRole];
}

/** The role of an app or a pod. */
export function* roleFindings(role: string, settings: DefinitionSettings): Iterable<Finding> {
  const nameProblem = roleNameProblem(role);
  if (nameProblem) yield ['/role', nameProblem, 'role', `Leave \`role\` out: it is ${settings.defaultRole}.`];
  else if (!rolesIn(settings).includes(role)) {
    const hint = 'An app may have the default role, or the name of its top-level group.';
    yield ['/role', `got ${role}, expected one of: [${rolesIn(settings).join(', ')}]`, 'role', hint];
  }
}

export const roles: Rule = function* ({ role, acceptedResourceRoles }, _input, settings) {
  yield* roleFindings(role, settings);
  if (!acceptedResourceRoles) return;
  const path = '/acceptedResourceRoles';
  if (acceptedResourceRoles.length === 0) {
    const hint = 'Leave it out, or name the roles whose resources may be used.';
    yield [path, 'must not be empty', 'empty', hint];
  }
  yield* acceptedRoleFindings(acceptedResourceRoles, role, path);
};

/** Whose resources an app or a pod may use. */
export function* acceptedRoleFindings(
  acceptedResourceRoles: readonly string[],
  role: string,
  path: string,
): Iterable<Finding> {
  const allowed = [...new Set(['*', role])].sort();
  if (acceptedResourceRoles.some((accepted) => !allowed.includes(accepted))) {
    const text = `acceptedResourceRoles can only contain ${allowed.join(' and ')}`;
    yield [path, text, 'role', `Allowed here: ${allowed.join(', ')}.`];
  }
}
