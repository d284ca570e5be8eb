/** What stands where a value is that is not told. */
export const MASKED = '***';

type Members = Readonly<Record<string, unknown>>;

const authLabel = /^HAPROXY_\d+_AUTH$/;

/** Whether the value of a label holds a password's hash. */
export function isPasswordLabel(name: string): boolean {
  return authLabel.test(name);
}

/** Labels without the hashes of passwords. */
export function hidePasswordLabels(labels: unknown): unknown {
  if (!isMembers(labels) || !Object.keys(labels).some(isPasswordLabel)) return labels;
  return Object.fromEntries(
    Object.entries(labels).map(([name, value]) => [name, isPasswordLabel(name) ? MASKED : value]),
  );
}

/** `loadBalancer`, or any part of it, without the hashes of passwords: who may come is told, not how he proves it. */
export function hidePasswordUsers(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(hidePasswordUsers);
  if (!isMembers(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [
      name,
      name === 'users' && isMembers(member)
        ? Object.fromEntries(Object.keys(member).map((user) => [user, MASKED]))
        : hidePasswordUsers(member),
    ]),
  );
}

function isMembers(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
