import { hidePasswordLabels, hidePasswordUsers, MASKED } from '../../apps/decide/hide-passwords.js';

/**
 * A definition without the values of its environment and without the hashes of passwords, for events and logs: anybody who
 * reads those may know which variables and users there are, not more. References to secrets are names, not values, and stay.
 */
export function hideEnv(definition: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const { env, labels, loadBalancer } = definition;
  const shown = {
    ...definition,
    ...(labels === undefined ? {} : { labels: hidePasswordLabels(labels) }),
    ...(loadBalancer === undefined ? {} : { loadBalancer: hidePasswordUsers(loadBalancer) }),
  };
  if (typeof env !== 'object' || env === null) return shown;
  const hidden = Object.entries(env).map(([name, value]) => [
    name,
    typeof value === 'object' ? value : MASKED,
  ]);
  return { ...shown, env: Object.fromEntries(hidden) };
}
