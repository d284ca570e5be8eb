import { agentSideChecks } from '../agent-side-checks.js';
import type { App } from '../app.js';
import { canonicalJson, sameJson } from './canonical-json.js';

/** Everything that describes an app, its versions left out. */
export type AppFields = Omit<App, 'version' | 'versionInfo'>;
export type AppField = keyof AppFields;

/** Lists whose order means nothing. */
const setFields: ReadonlySet<AppField> = new Set<AppField>([
  'constraints',
  'dependencies',
  'healthChecks',
  'acceptedResourceRoles',
]);

/**
 * Fields that take effect without a restart: they steer longrun itself, no process ever sees them. Of `labels` only
 * those that steer the load balancer do.
 */
const inPlaceFields: ReadonlySet<AppField> = new Set<AppField>([
  'upgradeStrategy',
  'killSelection',
  'backoffSeconds',
  'backoffFactor',
  'maxLaunchDelaySeconds',
  'dependencies',
  'healthChecks',
  'readinessChecks',
  'unreachableStrategy',
  'loadBalancer',
]);

/**
 * Values that ask for nothing: a process started with one is the process started without the field, so writing it down
 * restarts nothing. They are also left out of the hash, as they were before longrun knew these fields.
 */
const neutralValues: { readonly [Field in AppField]?: readonly unknown[] } = {
  executor: ['', '//cmd'],
  tty: [false],
  container: [{ type: 'MESOS', volumes: [] }],
};

function isNeutral(field: AppField, value: unknown): boolean {
  return value === undefined || (neutralValues[field] ?? []).some((neutral) => sameJson(neutral, value));
}

const isLoadBalancerLabel = (name: string): boolean => name.startsWith('HAPROXY_');

/** Names of the fields in which two definitions differ. */
export function changedFields(before: AppFields, after: AppFields): readonly AppField[] {
  const added = fieldsOf(after).filter((name) => before[name] === undefined);
  return [...fieldsOf(before), ...added].filter((name) => !sameField(name, before[name], after[name]));
}

/** Whether instances of `before` are as good as new ones of `after`, which differs in the fields `changed`. */
export function sameLaunch(
  before: AppFields,
  after: AppFields,
  changed: readonly AppField[],
  restartOnAnyChange: boolean,
): boolean {
  return changed.every(
    (field) =>
      field === 'instances' ||
      (isNeutral(field, before[field]) && isNeutral(field, after[field])) ||
      (!restartOnAnyChange &&
        ((inPlaceFields.has(field) && (field !== 'healthChecks' || sameAgentChecks(before, after))) ||
          (field === 'labels' && sameJson(launchLabels(before.labels), launchLabels(after.labels))))),
  );
}

/** What a running instance is made from, in a form that is equal for equal launches. */
export function launchFields(app: AppFields, restartOnAnyChange: boolean): Readonly<Record<string, unknown>> {
  const kept = fieldsOf(app).filter(
    (field) =>
      field !== 'id' &&
      field !== 'instances' &&
      field !== 'labels' &&
      (restartOnAnyChange || !inPlaceFields.has(field)),
  );
  return {
    ...Object.fromEntries(
      kept.map((field) => [field, setFields.has(field) ? asSet(app[field]) : launchValue(field, app[field])]),
    ),
    labels: restartOnAnyChange ? app.labels : launchLabels(app.labels),
    // Only where there are any: all other hashes stay what they were.
    ...(agentChecksOf(app) !== NONE && !restartOnAnyChange && { agentChecks: agentChecksOf(app) }),
  };
}

const NONE = asSet([]);

/** The agent is told of these with the launch, and of nothing later. */
function agentChecksOf({ healthChecks }: AppFields): string {
  return asSet(agentSideChecks(healthChecks));
}

function sameAgentChecks(before: AppFields, after: AppFields): boolean {
  return agentChecksOf(before) === agentChecksOf(after);
}

/** Of neutral values all stand for the first: the empty executor, and nothing where the field may be absent. */
function launchValue(field: AppField, value: unknown): unknown {
  if (!isNeutral(field, value)) return value;
  return field === 'executor' ? '' : undefined;
}

function launchLabels(labels: AppFields['labels']): AppFields['labels'] {
  return Object.fromEntries(Object.entries(labels).filter(([name]) => !isLoadBalancerLabel(name)));
}

function fieldsOf(app: AppFields): readonly AppField[] {
  return (Object.keys(app) as (keyof App)[]).filter(
    (name): name is AppField => name !== 'version' && name !== 'versionInfo',
  );
}

function sameField(field: AppField, before: unknown, after: unknown): boolean {
  return sameJson(before, after) || (setFields.has(field) && asSet(before) === asSet(after));
}

function asSet(value: unknown): string {
  return Array.isArray(value) ? JSON.stringify(value.map(canonicalJson).sort()) : canonicalJson(value);
}
