import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { authenticationRequired } from '../config/load-settings.js';
import type { Settings } from '../config/settings.js';
import { openWorkDir } from '../config/work-dir.js';
import { Agent } from '../embedded-mesos/agent/agent.js';
import { parseHostVolumes } from '../embedded-mesos/agent/decide/host-volumes.js';
import {
  AGENT_LINE_PATH,
  AGENT_PROTOCOL_VERSION,
  type FromAgent,
  type ToAgent,
} from '../embedded-mesos/protocol/agent-line.js';
import type { Log } from '../logging/log.js';
import { makeLog } from '../logging/pino-log.js';
import { SystemClock } from '../util/clock.js';
import { SystemDice } from '../util/ids.js';
import { LineClient } from '../util/line/line-client.js';
import { type ChildService, runAsChild } from './child-entry.js';
import { entries, packageVersion } from './entries.js';

/** So long `start` waits for the master's word; without it the agent is up all the same and keeps dialling. */
const REGISTRATION_WAIT_MS = 5_000;

/** The agent as a service: also what `longrun agent` runs in its own process. */
export function makeAgentService(settings: Settings, serverUrl: string): { service: ChildService; log: Log } {
  const log = makeLog({ level: settings.logLevel, format: settings.logFormat }).child('agent');
  const workDir = openWorkDir(settings.workDir);
  const tokenFile = settings.tokenFile ?? join(workDir.path, 'token');
  const clock = new SystemClock();
  const agent = new Agent({
    workDir: workDir.path,
    hostname: settings.hostname,
    address: settings.address,
    port: settings.agentPort,
    ...(settings.resources === undefined ? {} : { resources: settings.resources }),
    ...(settings.attributes === undefined ? {} : { attributes: settings.attributes }),
    defaultUser: settings.defaultUser,
    allowRootTasks: settings.allowRootTasks,
    isolation: settings.isolation,
    docker: {
      socketPath: settings.dockerSocket,
      ...(settings.dockerConfig === undefined ? {} : { configPath: settings.dockerConfig }),
      allowPrivileged: settings.dockerAllowPrivileged,
      allowParameters: (settings.dockerAllowParameters ?? '').split(',').flatMap((name) => name.trim() || []),
    },
    outputFileBytes: settings.outputFileBytes,
    outputFiles: settings.outputFiles,
    pumpScript: entries.logPump,
    fetch: {
      script: entries.fetcher,
      limitBytes: settings.fetchLimitMiB * 1024 ** 2,
      timeLimitMs: settings.fetchTimeLimitSeconds * 1000,
      cacheBytes: settings.fetchCacheMiB * 1024 ** 2,
    },
    ...(settings.hostVolumes === undefined ? {} : { hostVolumes: parseHostVolumes(settings.hostVolumes) }),
    disk: { script: entries.diskWalk, enforce: !settings.ignoreDiskLimits },
    inside: {
      execScript: entries.exec,
      askScript: entries.ask,
      execIdleMs: settings.execIdleMinutes * 60_000,
      token: () => readFileSync(tokenFile, 'utf8').trim(),
    },
    version: packageVersion(),
    ...(authenticationRequired(settings) ? { readToken: readFileSync(tokenFile, 'utf8').trim() } : {}),
    line: (handlers) => {
      const line = new LineClient<ToAgent, FromAgent>({
        url: () => serverUrl,
        path: AGENT_LINE_PATH,
        token: () => readFileSync(tokenFile, 'utf8').trim(),
        protocolVersion: AGENT_PROTOCOL_VERSION,
        peer: workDir.instanceId,
        handlers,
        clock,
        log,
      });
      line.start();
      return line;
    },
    clock,
    dice: new SystemDice(),
    log,
  });
  return {
    log,
    service: {
      start: async () => {
        await agent.start();
        if (!(await agent.untilRegistered(REGISTRATION_WAIT_MS)))
          log.warn('not registered yet; tasks of before run on, new ones wait', { server: serverUrl });
        return { agent: agent.url };
      },
      stop: (mode) =>
        agent.stop({ killTasks: mode !== 'leave-tasks', ...(mode === 'kill-now' ? { graceMs: 0 } : {}) }),
    },
  };
}

if (process.send) runAsChild((message) => makeAgentService(message.settings, message.serverUrl ?? ''));
