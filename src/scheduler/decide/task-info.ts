import type { App, AppRecord } from '../../apps/app.js';
import type {
  CommandInfo,
  KillPolicy,
  Labels,
  Port,
  Resource,
  TaskInfo,
} from '../../embedded-mesos/protocol/v1.js';
import type { AgentId, TaskId } from '../instance.js';
import { taskEnvironment } from './environment.js';
import { hostnameForm } from './ids.js';

export interface TaskPlacement {
  readonly taskId: TaskId;
  readonly agentId: AgentId;
  readonly hostname: string;
  readonly hostPorts: readonly number[];
  readonly resources: readonly Resource[];
}

/** The grace between SIGTERM and SIGKILL as Mesos carries it; undefined leaves it to the agent. */
export function killPolicy(app: App): KillPolicy | undefined {
  const seconds = app.taskKillGracePeriodSeconds;
  return seconds === undefined ? undefined : { grace_period: { nanoseconds: Math.round(seconds * 1e9) } };
}

function labelsOf(labels: Readonly<Record<string, string>> | undefined): Labels | undefined {
  const entries = Object.entries(labels ?? {});
  return entries.length === 0 ? undefined : { labels: entries.map(([key, value]) => ({ key, value })) };
}

function discoveryPorts(app: App, hostPorts: readonly number[]): Port[] {
  return app.portDefinitions.flatMap((definition, index) => {
    const number = hostPorts[index];
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

function commandOf(app: App, environment: Readonly<Record<string, string>>): CommandInfo {
  const variables = Object.entries(environment).map(([name, value]) => ({ name, value }));
  const [program] = app.args ?? [];
  return {
    ...(app.cmd === undefined && program !== undefined
      ? { shell: false, value: program, arguments: app.args ?? [] }
      : { shell: true, value: app.cmd ?? '' }),
    environment: { variables },
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
  const labels = labelsOf(app.labels);
  const limits = resourceLimits(app);
  const ports = discoveryPorts(app, placement.hostPorts);
  return {
    name,
    task_id: { value: placement.taskId },
    agent_id: { value: placement.agentId },
    resources: placement.resources,
    command: commandOf(app, taskEnvironment(record, placement, envVarsPrefix)),
    ...(policy === undefined ? {} : { kill_policy: policy }),
    ...(labels === undefined ? {} : { labels }),
    ...(limits === undefined ? {} : { limits }),
    discovery: { visibility: 'FRAMEWORK', name, ...(ports.length === 0 ? {} : { ports: { ports } }) },
  };
}
