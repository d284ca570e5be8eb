import type { AppRecord } from '../../apps/app.js';

const LABEL_PREFIX = 'MARATHON_APP_LABEL_';
const MAX_ENV_TEXT = 512;

/** A number as Java prints a double: `1.0`, `0.1`, `1.0E-4`, `1.0E7` (Marathon reference 4.4). */
export function javaDouble(value: number): string {
  if (value === 0) return '0.0';
  const size = Math.abs(value);
  if (size >= 1e-3 && size < 1e7) return Number.isInteger(value) ? `${value}.0` : String(value);
  const [mantissa = '', exponent = '0'] = value.toExponential().split('e');
  return `${mantissa.includes('.') ? mantissa : `${mantissa}.0`}E${Number(exponent)}`;
}

/** Runs of other characters become one `_`; upper case. */
export function sanitizedLabel(key: string): string {
  return key.replace(/[^a-zA-Z0-9_]+/g, '_').toUpperCase();
}

function labelVariables(labels: Readonly<Record<string, string>>): Record<string, string> {
  const names: string[] = [];
  const variables: Record<string, string> = {};
  for (const [key, value] of Object.entries(labels)) {
    if (key.length >= MAX_ENV_TEXT - LABEL_PREFIX.length || value.length >= MAX_ENV_TEXT) continue;
    const name = sanitizedLabel(key);
    names.push(name);
    variables[`${LABEL_PREFIX}${name}`] = value;
  }
  return { MARATHON_APP_LABELS: names.join(' '), ...variables };
}

function portVariables(record: AppRecord, hostPorts: readonly number[]): Record<string, string> {
  const variables: Record<string, string> = {};
  const definitions = record.app.portDefinitions;
  if (definitions.length === 0) return variables;
  definitions.forEach((definition, index) => {
    const port = hostPorts[index];
    if (port === undefined) return;
    variables[`PORT${index}`] = String(port);
    variables[`PORT_${definition.port === 0 ? port : definition.port}`] = String(port);
    if (definition.name !== undefined) variables[`PORT_${definition.name.toUpperCase()}`] = String(port);
  });
  if (hostPorts[0] !== undefined) variables['PORT'] = String(hostPorts[0]);
  variables['PORTS'] = hostPorts.join(',');
  return variables;
}

/**
 * The environment of an app's task; later entries win: context, labels, host and ports, the author's own
 * (Marathon reference 4.4).
 */
export function taskEnvironment(
  record: AppRecord,
  task: { readonly taskId: string; readonly hostname: string; readonly hostPorts: readonly number[] },
): Readonly<Record<string, string>> {
  const { app } = record;
  return {
    MESOS_TASK_ID: task.taskId,
    MARATHON_APP_ID: app.id,
    MARATHON_APP_VERSION: app.version,
    MARATHON_APP_RESOURCE_CPUS: javaDouble(app.cpus),
    MARATHON_APP_RESOURCE_MEM: javaDouble(app.mem),
    MARATHON_APP_RESOURCE_DISK: javaDouble(app.disk),
    MARATHON_APP_RESOURCE_GPUS: String(app.gpus),
    MARATHON_APP_ENFORCE_GROUP_ROLE: 'FALSE',
    ...labelVariables(app.labels),
    HOST: task.hostname,
    ...portVariables(record, task.hostPorts),
    ...app.env,
  };
}
