import { createHash, timingSafeEqual } from 'node:crypto';
import type { Containerizer } from '../containers/containerizer.js';
import type { AgentOptions } from './agent-options.js';
import { type Attempts, ContainerAttempts } from './checks/attempt.js';
import { type CheckNews, TaskChecks } from './checks/task-checks.js';
import { ExecHost } from './exec/exec-host.js';
import { DEFAULT_IDLE_MS, ExecSessions } from './exec/exec-sessions.js';
import type { ExecRoute } from './http/exec-route.js';
import type { TaskRecord } from './task-record.js';

/** What an agent does inside of running containers: checks, and sessions. */
export interface AgentInside {
  /** Undefined: this agent enters no containers. */
  readonly sessions: ExecSessions | undefined;
  /** To be told of every task's phases. */
  onPhase(record: TaskRecord): void;
  /** Whether somebody hears what checks have to say. */
  heard(somebody: boolean): void;
  stop(): void;
}

export function buildInside(
  options: AgentOptions,
  containerizer: Containerizer,
  tell: (taskId: string, news: CheckNews) => void,
): AgentInside {
  const { clock, dice, inside } = options;
  const log = options.log.child('inside');
  const host = inside && new ExecHost({ script: inside.execScript, dice, log });
  const attempts: Attempts =
    host && inside
      ? new ContainerAttempts({ containerizer, host, askScript: inside.askScript })
      : { make: async () => ({ type: 'failed', why: 'this agent enters no containers' }) };
  const checks = new TaskChecks({ attempts, tell, clock, dice });
  const sessions =
    host && new ExecSessions({ containerizer, host, idleMs: inside?.execIdleMs ?? DEFAULT_IDLE_MS, log });
  return {
    sessions,
    onPhase: (record) => {
      checks.follow(record);
      sessions?.follow(record);
    },
    heard: (somebody) => checks.pause(!somebody),
    stop: () => {
      checks.stop();
      host?.stop();
    },
  };
}

/** Who may open sessions, in what. */
export function execRoute(
  { inside: options }: AgentOptions,
  inside: AgentInside | undefined,
  desk: { record(taskId: string): TaskRecord | undefined },
): ExecRoute {
  return {
    sessions: inside?.sessions,
    record: (taskId) => desk.record(taskId),
    authorized: (authorization) =>
      options !== undefined &&
      timingSafeEqual(digest(authorization ?? ''), digest(`Bearer ${options.token()}`)),
  };
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
