import type { CheckInfo, CommandInfo, HealthCheck, TaskInfo } from '../../protocol/v1.js';
import { idFault } from './validate-framework.js';
import { resourcesFault } from './validate-resources.js';

export interface TaskSetting {
  readonly agentId: string;
  readonly role: string;
  /** Whether a running or unreachable task of the framework has that id. */
  readonly isIdUsed: (taskId: string) => boolean;
}

/**
 * What is wrong with a task that shall be launched, or undefined; in Mesos's order (Mesos reference 1.7.4). Whether the
 * offered resources suffice is judged afterwards.
 */
export function taskFault(task: TaskInfo, setting: TaskSetting): string | undefined {
  const id = task.task_id.value;
  const badId = idFault(id);
  if (badId) return badId;
  if (setting.isIdUsed(id)) return `Task has duplicate ID: ${id}`;
  if (task.agent_id.value !== setting.agentId) {
    return `Task uses invalid agent ${task.agent_id.value} while agent ${setting.agentId} is expected`;
  }
  if ((task.kill_policy?.grace_period?.nanoseconds ?? 0) < 0)
    return "Task's 'kill_policy.grace_period' must be non-negative";
  if ((task.max_completion_time?.nanoseconds ?? 0) < 0)
    return "Task's 'max_completion_time' must be non-negative";
  return (
    checkFault(task.check) ??
    healthCheckFault(task.health_check) ??
    (task.resources.length === 0 ? 'Task uses no resources' : resourcesFault(task.resources, setting.role)) ??
    commandFault(task.command) ??
    limitsFault(task) ??
    whatRunsFault(task)
  );
}

function whatRunsFault(task: TaskInfo): string | undefined {
  if ((task.command === undefined) === (task.executor === undefined)) {
    return 'Task should have at least one (but not both) of CommandInfo or ExecutorInfo present';
  }
  if (task.executor)
    return 'This master launches tasks with a command only; executors of a framework are not supported';
  return undefined;
}

function commandFault(command: CommandInfo | undefined): string | undefined {
  for (const { name, type, value, secret } of command?.environment?.variables ?? []) {
    if (type === 'SECRET') {
      if (!secret) return `Environment variable '${name}' of type 'SECRET' must have a secret set`;
      if (value !== undefined)
        return `Environment variable '${name}' of type 'SECRET' must not have a value set`;
    } else if (value === undefined) {
      return `Environment variable '${name}' of type 'VALUE' must have a value set`;
    }
  }
  return undefined;
}

function limitsFault(task: TaskInfo): string | undefined {
  for (const [name, limit] of Object.entries(task.limits ?? {})) {
    if (name !== 'cpus' && name !== 'mem')
      return `Limit for '${name}' is not supported; only cpus and mem may have one`;
    const requested = task.resources
      .filter((resource) => resource.name === name)
      .reduce((sum, resource) => sum + (resource.scalar?.value ?? 0), 0);
    if (requested === 0) return `Limit for '${name}' is set but the task requests none`;
    if (limit.value !== 'Infinity' && !(limit.value >= requested)) {
      return `Limit for '${name}' (${limit.value}) is less than the request (${requested})`;
    }
  }
  return undefined;
}

function checkFault(check: CheckInfo | undefined): string | undefined {
  if (!check) return undefined;
  const kinds = [check.command, check.http, check.tcp].filter((kind) => kind !== undefined).length;
  if (kinds !== 1) return 'Task uses invalid check: exactly one of command, http and tcp must be set';
  return (
    timesFault('check', check.delay_seconds, check.interval_seconds, check.timeout_seconds) ??
    pathFault('check', check.http?.path)
  );
}

function healthCheckFault(check: HealthCheck | undefined): string | undefined {
  if (!check) return undefined;
  const kinds = [check.command, check.http, check.tcp].filter((kind) => kind !== undefined).length;
  if (kinds !== 1) return 'Task uses invalid health check: exactly one of command, http and tcp must be set';
  const scheme = check.http?.scheme;
  if (scheme !== undefined && scheme !== 'http' && scheme !== 'https') {
    return `Task uses invalid health check: unsupported HTTP scheme '${scheme}'`;
  }
  if (check.command && check.command.value === undefined)
    return 'Task uses invalid health check: command has no value';
  return (
    timesFault(
      'health check',
      check.delay_seconds,
      check.interval_seconds,
      check.timeout_seconds,
      check.grace_period_seconds,
    ) ?? pathFault('health check', check.http?.path)
  );
}

function timesFault(what: string, ...seconds: readonly (number | undefined)[]): string | undefined {
  return seconds.some((value) => value !== undefined && !(value >= 0))
    ? `Task uses invalid ${what}: its times must be non-negative`
    : undefined;
}

function pathFault(what: string, path: string | undefined): string | undefined {
  return path === undefined || path.startsWith('/')
    ? undefined
    : `Task uses invalid ${what}: the path '${path}' must start with '/'`;
}
