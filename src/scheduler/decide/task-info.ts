import type { App, AppRecord, Artifact } from '../../apps/app.js';
import { appPorts, hostPortPlace } from '../../apps/app-ports.js';
import type { EnvironmentVariable } from '../../embedded-mesos/protocol/command-info.js';
import type {
  CommandInfo,
  CommandUri,
  KillPolicy,
  Labels,
  Port,
  Resource,
  TaskInfo,
} from '../../embedded-mesos/protocol/v1.js';
import type { AgentId, TaskId } from '../instance.js';
import { agentChecks } from './agent-checks.js';
import { type AllocatedPorts, containerInfo, listeningPort, refreshedSecrets } from './container-info.js';
import { secretVariables, taskEnvironment } from './environment.js';
import { hostnameForm } from './ids.js';

export interface TaskPlacement {
  readonly taskId: TaskId;
  readonly agentId: AgentId;
  readonly hostname: string;
  readonly hostPorts: readonly number[];
  /** For port mappings with neither host port nor container port. */
  readonly generatedPorts?: readonly number[];
  readonly resources: readonly Resource[];
  /** Variables that say what is around it. */
  readonly context?: Readonly<Record<string, string>>;
}

/** The grace between SIGTERM and SIGKILL as Mesos carries it; undefined leaves it to the agent. */
export function killPolicy(app: App): KillPolicy | undefined {
  const seconds = app.taskKillGracePeriodSeconds;
  return seconds === undefined ? undefined : { grace_period: { nanoseconds: Math.round(seconds * 1e9) } };
}

/** Mesos's messages have no fields for these; the agent reads the labels. */
const ISOLATION_LABEL = 'LONGRUN_ISOLATION';
const REFRESH_LABEL = 'LONGRUN_REFRESH_SECRETS';

function labelsOf(labels: Readonly<Record<string, string>> | undefined): Labels | undefined {
  const entries = Object.entries(labels ?? {});
  return entries.length === 0 ? undefined : { labels: entries.map(([key, value]) => ({ key, value })) };
}

function discoveryPorts(app: App, allocated: AllocatedPorts): Port[] {
  return appPorts(app).flatMap((definition, index) => {
    const place = hostPortPlace(app, index);
    const number = place === undefined ? listeningPort(app, index, allocated) : allocated.hostPorts[place];
    if (number === undefined) return [];
    const labels = labelsOf(definition.labels);
    return definition.protocol
      .split(',')
      .sort()
      .map((protocol) => ({
        number,
        protocol,
        ...(definition.name === undefined ? {} : { name: definition.name }),
        ...(labels === undefined ? {} : { labels }),
      }));
  });
}

/** An image has an entry point, which arguments go to; a process is its first argument. */
function runOf({ cmd, args, container }: App): Pick<CommandInfo, 'shell' | 'value' | 'arguments'> {
  if (cmd !== undefined) return { shell: true, value: cmd };
  const [program] = args ?? [];
  if (container?.docker) return { shell: false, ...(program === undefined ? {} : { arguments: args ?? [] }) };
  return program === undefined
    ? { shell: true, value: '' }
    : { shell: false, value: program, arguments: args ?? [] };
}

function uriOf({ uri, extract, executable, cache, destPath }: Artifact): CommandUri {
  return {
    value: uri,
    extract,
    executable,
    cache,
    ...(destPath === undefined ? {} : { output_file: destPath }),
  };
}

function commandOf(app: App, environment: Readonly<Record<string, string>>): CommandInfo {
  const variables: EnvironmentVariable[] = [
    ...Object.entries(environment).map(([name, value]) => ({ name, value })),
    ...Object.entries(secretVariables(app)).map(([name, path]) => ({
      name,
      type: 'SECRET' as const,
      secret: { type: 'REFERENCE' as const, reference: { name: path } },
    })),
  ];
  return {
    ...runOf(app),
    environment: { variables },
    ...(app.fetch === undefined ? {} : { uris: app.fetch.map(uriOf) }),
    ...(app.user === undefined ? {} : { user: app.user }),
  };
}

/** How much more than it asked for the task may use, as Mesos carries it. */
function resourceLimits({ resourceLimits: asked }: App): TaskInfo['limits'] {
  if (!asked) return undefined;
  return Object.fromEntries(
    Object.entries(asked).map(([name, limit]) => [
      name,
      { value: limit === 'unlimited' ? ('Infinity' as const) : limit },
    ]),
  );
}

/** One launch as the master is told of it (Marathon reference 4.2 and 4.4, Mesos reference Appendix B). */
export function taskInfo(record: AppRecord, placement: TaskPlacement, envVarsPrefix = ''): TaskInfo {
  const { app } = record;
  const name = hostnameForm(app.id);
  const policy = killPolicy(app);
  const refreshed = refreshedSecrets(app);
  const labels = labelsOf({
    ...app.labels,
    ...(app.isolation && { [ISOLATION_LABEL]: app.isolation }),
    ...(refreshed.length > 0 && { [REFRESH_LABEL]: refreshed.join(' ') }),
  });
  const limits = resourceLimits(app);
  const allocated = { hostPorts: placement.hostPorts, generatedPorts: placement.generatedPorts ?? [] };
  const ports = discoveryPorts(app, allocated);
  const container = containerInfo(app, placement.taskId, allocated);
  return {
    name,
    task_id: { value: placement.taskId },
    agent_id: { value: placement.agentId },
    resources: placement.resources,
    command: commandOf(app, taskEnvironment(record, placement, envVarsPrefix)),
    ...(container === undefined ? {} : { container }),
    ...(policy === undefined ? {} : { kill_policy: policy }),
    ...(labels === undefined ? {} : { labels }),
    ...(limits === undefined ? {} : { limits }),
    ...agentChecks(app, allocated),
    discovery: { visibility: 'FRAMEWORK', name, ...(ports.length === 0 ? {} : { ports: { ports } }) },
  };
}
