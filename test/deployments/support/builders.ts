import type { App, AppId, AppRecord } from '../../../src/apps/app.js';
import type { AgentId, Condition, Instance, InstanceId, TaskId } from '../../../src/scheduler/instance.js';
import type { Timestamp } from '../../../src/util/timestamp.js';

export const T0 = '2026-01-01T00:00:00.000Z' as Timestamp;

const check = {
  protocol: 'HTTP' as const,
  path: '/',
  portIndex: 0,
  gracePeriodSeconds: 300,
  intervalSeconds: 60,
  timeoutSeconds: 20,
  maxConsecutiveFailures: 3,
};
const readiness = {
  name: 'readinessCheck',
  protocol: 'HTTP' as const,
  path: '/',
  portName: 'http-api',
  intervalSeconds: 30,
  timeoutSeconds: 10,
  httpStatusCodesForReady: [200],
  preserveLastResponse: false,
};

export interface Wish {
  readonly instances?: number;
  /** Stands for everything an instance is made from. */
  readonly made?: string;
  readonly min?: number;
  readonly over?: number;
  readonly checked?: boolean;
  readonly readied?: boolean;
  readonly dependencies?: readonly string[];
  readonly deadlineSeconds?: number;
  readonly onFailure?: 'hold' | 'rollback';
  readonly labels?: Readonly<Record<string, string>>;
  readonly version?: Timestamp;
}

/** A record as the apps room would make it. `made` stands for the launch-relevant fields. */
export function recordOf(id: string, wish: Wish = {}): AppRecord {
  const version = wish.version ?? T0;
  const made = wish.made ?? 'v1';
  const app: App = {
    id: id as AppId,
    cmd: made,
    env: {},
    instances: wish.instances ?? 1,
    cpus: 0.1,
    mem: 32,
    disk: 0,
    gpus: 0,
    executor: '',
    constraints: [],
    role: '*',
    networks: [{ mode: 'host' }],
    portDefinitions: [],
    requirePorts: false,
    healthChecks: wish.checked ? [check] : [],
    readinessChecks: wish.readied ? [readiness] : [],
    backoffSeconds: 1,
    backoffFactor: 1.15,
    maxLaunchDelaySeconds: 300,
    dependencies: (wish.dependencies ?? []) as readonly AppId[],
    upgradeStrategy: {
      minimumHealthCapacity: wish.min ?? 1,
      maximumOverCapacity: wish.over ?? 1,
      ...(wish.deadlineSeconds === undefined ? {} : { deadlineSeconds: wish.deadlineSeconds }),
      ...(wish.onFailure === undefined ? {} : { onFailure: wish.onFailure }),
    },
    unreachableStrategy: { inactiveAfterSeconds: 0, expungeAfterSeconds: 0 },
    killSelection: 'YOUNGEST_FIRST',
    labels: wish.labels ?? {},
    version,
    versionInfo: { lastScalingAt: version, lastConfigChangeAt: version },
  };
  return { app, launchHash: `hash-${made}`, explicitPorts: false };
}

export interface InstanceWish {
  readonly made?: string;
  readonly condition?: Condition;
  readonly healthy?: boolean;
  readonly ready?: boolean;
  readonly leaving?: boolean;
  /** Is taken out, but only to be launched again. */
  readonly relaunching?: boolean;
}

export function instanceOf(app: string, name: string, wish: InstanceWish = {}): Instance {
  const condition = wish.condition ?? 'Running';
  const taskId = `${name}._app.1` as TaskId;
  const launched = condition !== 'Scheduled';
  return {
    id: name as InstanceId,
    appId: app as AppId,
    goal: wish.leaving ? 'Decommissioned' : 'Running',
    condition,
    since: T0,
    runSpecVersion: T0,
    launchHash: `hash-${wish.made ?? 'v1'}`,
    incarnation: launched ? 1 : 0,
    role: '*',
    ...(launched
      ? {
          task: {
            id: taskId,
            agentId: 'a1' as AgentId,
            hostname: 'host1',
            attributes: {},
            hostPorts: [],
            ipAddresses: [],
            stagedAt: T0,
            mesosState: 'TASK_RUNNING',
            runSpecVersion: T0,
          },
          health: {
            taskId,
            results: [],
            ...(wish.healthy === undefined ? {} : { healthy: wish.healthy }),
            ...(wish.ready === undefined ? {} : { ready: wish.ready }),
          },
        }
      : {}),
    ...(wish.leaving || wish.relaunching
      ? {
          takingOut: {
            reason: wish.leaving ? ('scale down' as const) : ('failed health checks' as const),
            since: T0,
            phase: 'draining' as const,
          },
        }
      : {}),
  };
}

/** Gives up the first ones. */
export const firstVictims = (
  _app: App,
  candidates: readonly Instance[],
  count: number,
): readonly InstanceId[] => candidates.slice(0, Math.max(0, count)).map(({ id }) => id);
