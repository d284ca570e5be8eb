import type { App, AppRecord } from '../../apps/app.js';
import { secretPathOf } from '../../secrets/decide/secret-path.js';

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

/** A port that a task asked for, and what it got. */
interface TaskPort {
  /** The number in its definition; 0 asked for any. */
  readonly requested: number;
  readonly name: string | undefined;
  /** Where it listens as seen from where it is named: the host port, else the container's own. */
  readonly effective: number;
  /** Allocated to it, rather than only written in its definition. */
  readonly assigned: 'host' | 'generated' | undefined;
}

/**
 * The ports of a task in the order of its definition. `hostPorts`: those that were allocated, in the same order, nothing
 * for mappings without host port; `generatedPorts`: for mappings with neither host port nor container port.
 */
function taskPorts(
  { portDefinitions, container }: App,
  hostPorts: readonly number[],
  generatedPorts: readonly number[],
): readonly TaskPort[] {
  const mappings = container?.portMappings;
  if (!mappings) {
    return portDefinitions.flatMap(({ port, name }, index): TaskPort[] => {
      const effective = hostPorts[index];
      return effective === undefined ? [] : [{ requested: port, name, effective, assigned: 'host' }];
    });
  }
  const host = hostPorts[Symbol.iterator]();
  const generated = generatedPorts[Symbol.iterator]();
  return mappings.flatMap(({ containerPort, hostPort, name }): TaskPort[] => {
    const common = { requested: containerPort, name };
    if (hostPort === undefined && containerPort !== 0) {
      return [{ ...common, effective: containerPort, assigned: undefined }];
    }
    const assigned = hostPort === undefined ? 'generated' : 'host';
    const effective: number | undefined = (assigned === 'host' ? host : generated).next().value;
    return effective === undefined ? [] : [{ ...common, effective, assigned }];
  });
}

function portVariables(ports: readonly TaskPort[]): Record<string, string> {
  const variables: Record<string, string> = {};
  if (ports.length === 0) return variables;
  ports.forEach(({ requested, name, effective }, index) => {
    const text = String(effective);
    variables[`PORT${index}`] = text;
    variables[`PORT_${requested === 0 ? effective : requested}`] = text;
    if (name !== undefined) variables[`PORT_${name.toUpperCase()}`] = text;
  });
  const assigned = (['host', 'generated'] as const).flatMap((kind) =>
    ports.filter((port) => port.assigned === kind).map(({ effective }) => effective),
  );
  if (assigned[0] !== undefined) variables['PORT'] = String(assigned[0]);
  variables['PORTS'] = assigned.join(',');
  return variables;
}

function prefixed(prefix: string, variables: Record<string, string>): Record<string, string> {
  if (prefix === '') return variables;
  return Object.fromEntries(Object.entries(variables).map(([name, value]) => [`${prefix}${name}`, value]));
}

/** The author's variables whose values are secrets, with the paths of those. */
export function secretVariables({ id, env, secrets = {} }: App): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(env).flatMap(([name, value]): [string, string][] => {
      const source = typeof value === 'string' ? undefined : secrets[value.secret]?.source;
      return source === undefined ? [] : [[name, secretPathOf(id, source)]];
    }),
  );
}

/** The author's variables; values that secrets hold are not among them. */
function ownVariables(env: App['env']): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
}

export interface EnvironmentOfTask {
  readonly taskId: string;
  readonly hostname: string;
  readonly hostPorts: readonly number[];
  /** For port mappings that name neither a host port nor a container port. */
  readonly generatedPorts?: readonly number[];
  /** What the server says of its surroundings. */
  readonly context?: Readonly<Record<string, string>>;
}

/**
 * The environment of an app's task; later entries win: context, labels, host and ports, the author's own
 * (Marathon reference 4.4). `prefix` goes before the names of host and ports.
 */
export function taskEnvironment(
  record: AppRecord,
  task: EnvironmentOfTask,
  prefix = '',
): Readonly<Record<string, string>> {
  const { app } = record;
  const { container } = app;
  return {
    MESOS_TASK_ID: task.taskId,
    MARATHON_APP_ID: app.id,
    MARATHON_APP_VERSION: app.version,
    ...(container?.type === 'DOCKER' && container.docker
      ? { MARATHON_APP_DOCKER_IMAGE: container.docker.image }
      : {}),
    MARATHON_APP_RESOURCE_CPUS: javaDouble(app.cpus),
    MARATHON_APP_RESOURCE_MEM: javaDouble(app.mem),
    MARATHON_APP_RESOURCE_DISK: javaDouble(app.disk),
    MARATHON_APP_RESOURCE_GPUS: String(app.gpus),
    MARATHON_APP_ENFORCE_GROUP_ROLE: 'FALSE',
    ...task.context,
    ...labelVariables(app.labels),
    ...prefixed(prefix, {
      HOST: task.hostname,
      ...portVariables(taskPorts(app, task.hostPorts, task.generatedPorts ?? [])),
    }),
    ...ownVariables(app.env),
  };
}
