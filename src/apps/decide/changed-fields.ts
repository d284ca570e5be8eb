import type { App } from '../app.js';
import { canonicalJson, sameJson } from './canonical-json.js';

/** Everything that describes an app, its versions left out. */
export type AppFields = Omit<App, 'version' | 'versionInfo'>;
export type AppField = keyof AppFields;

/** Lists whose order means nothing. */
const setFields: ReadonlySet<AppField> = new Set<AppField>(['constraints', 'dependencies', 'healthChecks', 'acceptedResourceRoles']);

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

const isLoadBalancerLabel = (name: string): boolean => name.startsWith('HAPROXY_');

/** Names of the fields in which two definitions differ. */
export function changedFields(before: AppFields, after: AppFields): readonly AppField[] {
  const names = new Set([...fieldsOf(before), ...fieldsOf(after)]);
  return [...names].filter((name) =>
    setFields.has(name) ? asSet(before[name]) !== asSet(after[name]) : !sameJson(before[name], after[name]),
  );
}

/** What a running instance was made from: two apps with equal launch fields need no restart between them. */
export function launchFields(app: AppFields, restartOnAnyChange: boolean): Readonly<Record<string, unknown>> {
  const { id, instances, labels, ...fields } = app;
  const kept = Object.entries(fields).filter(
    ([name]) => name !== 'version' && name !== 'versionInfo' && (restartOnAnyChange || !inPlaceFields.has(name as AppField)),
  );
  const launchLabels = Object.entries(labels).filter(([name]) => restartOnAnyChange || !isLoadBalancerLabel(name));
  return {
    ...Object.fromEntries(kept.map(([name, value]) => [name, setFields.has(name as AppField) ? asSet(value) : value])),
    labels: Object.fromEntries(launchLabels),
  };
}

function fieldsOf(app: AppFields): readonly AppField[] {
  return (Object.keys(app) as (keyof App)[]).filter((name): name is AppField => name !== 'version' && name !== 'versionInfo');
}

function asSet(value: unknown): string {
  return Array.isArray(value) ? JSON.stringify(value.map(canonicalJson).sort()) : canonicalJson(value);
}
