import type { UnreachableStrategy } from '../../app.js';
import { jvmDouble } from '../jvm-double.js';
import { constraintProblem } from '../validate-constraint.js';
import type { Finding, Rule } from './rule.js';

export const constraints: Rule = function* (draft) {
  for (const [index, constraint] of draft.constraints.entries()) {
    const problem = constraintProblem(constraint);
    if (problem) yield [`/constraints(${index})`, problem.error, 'constraint', problem.hint];
  }
};

export const strategies: Rule = ({ unreachableStrategy }) =>
  unreachableFindings(unreachableStrategy, '/unreachableStrategy');

/** The unreachable strategy of an app or a pod. */
export function* unreachableFindings(
  unreachableStrategy: UnreachableStrategy,
  at: string,
): Iterable<Finding> {
  if (unreachableStrategy === 'disabled') return;
  const { inactiveAfterSeconds: inactive, expungeAfterSeconds: expunge } = unreachableStrategy;
  if (inactive > expunge) {
    yield [
      at,
      `inactiveAfterSeconds (${inactive}) must be less or equal to expungeAfterSeconds, which is ${expunge}`,
      'contradiction',
      'Give both; an instance is replaced first and forgotten later.',
    ];
  }
}

export const singleInstance: Rule = function* ({ labels, instances, upgradeStrategy }) {
  if (labels['MARATHON_SINGLE_INSTANCE_APP'] !== 'true') return;
  const hint = 'Because of the label MARATHON_SINGLE_INSTANCE_APP.';
  if (instances > 1)
    yield ['/instances', 'Single instance app may only have one instance', 'single-instance', hint];
  for (const field of ['minimumHealthCapacity', 'maximumOverCapacity'] as const) {
    const got = upgradeStrategy[field];
    if (got !== 0)
      yield [`/upgradeStrategy/${field}`, `got ${jvmDouble(got)}, expected 0.0`, 'single-instance', hint];
  }
};

export const migrationLabels: Rule = function* ({ labels }) {
  const version = labels['DCOS_MIGRATION_API_VERSION'];
  if (version === undefined) return;
  if (version !== 'v1') {
    const hint = 'The only version there is is v1.';
    yield ['/labels/DCOS_MIGRATION_API_VERSION', `got ${version}, expected one of: [v1]`, 'label', hint];
  }
  if (!labels['DCOS_PACKAGE_FRAMEWORK_NAME'] || !labels['DCOS_MIGRATION_API_PATH']) {
    yield [
      '/labels',
      'DCOS_PACKAGE_FRAMEWORK_NAME and DCOS_MIGRATION_API_PATH must be defined when using DCOS_MIGRATION_API_VERSION',
      'label',
      'Set both labels, or drop DCOS_MIGRATION_API_VERSION.',
    ];
  }
};
