import type { AppInput } from '../../app-input.js';
import { jvmDouble } from '../jvm-double.js';
import type { Finding, Rule } from './rule.js';

export const resources: Rule = function* (draft, input) {
  if (draft.gpus > 0 && draft.container?.type === 'DOCKER') {
    const text = 'GPU resources only work with the Mesos containerizer';
    yield ['/gpus', text, 'contradiction', 'Use the container type MESOS, or `"gpus": 0`.'];
  }
  yield* resourceLimitFindings(input.resourceLimits, draft, '/resourceLimits');
};

/** Limits of an app, or of a container in a pod, against what it asks for. */
export function* resourceLimitFindings(
  limits: AppInput['resourceLimits'],
  requested: { readonly cpus: number; readonly mem: number },
  at: string,
): Iterable<Finding> {
  for (const name of ['cpus', 'mem'] as const) {
    const path = `${at}/${name}`;
    const limit = limits?.[name];
    if (limit === null || limit === undefined) continue;
    if (typeof limit === 'string' && limit !== 'unlimited') {
      const text = `'${limit.slice(0, 40)}' is an invalid resource limit. It must be 'unlimited' or a number`;
      yield [path, text, 'limit', 'Write "unlimited", or a number without quotes.'];
    } else if (typeof limit === 'number' && limit < requested[name]) {
      const text = `resource limit must be greater than or equal to requested resource (${jvmDouble(requested[name])})`;
      yield [path, text, 'contradiction', `Give at least \`${name}\`, or "unlimited".`];
    } else if (requested[name] === 0) {
      const text = 'may not be set for a resource that is not requested';
      yield [path, text, 'contradiction', `Ask for some \`${name}\` first.`];
    }
  }
}
