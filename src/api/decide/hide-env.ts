/** What stands for a value that is not told. */
export const HIDDEN = '***';

/**
 * A definition without the values of its environment, for events and logs: anybody who reads those may know which variables
 * there are, not what is in them. References to secrets are names, not values, and stay.
 */
export function hideEnv(definition: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const { env } = definition;
  if (typeof env !== 'object' || env === null) return definition;
  const hidden = Object.entries(env).map(([name, value]) => [
    name,
    typeof value === 'object' ? value : HIDDEN,
  ]);
  return { ...definition, env: Object.fromEntries(hidden) };
}
