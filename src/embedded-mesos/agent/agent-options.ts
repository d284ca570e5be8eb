import type { Log } from '../../logging/log.js';
import type { Clock } from '../../util/clock.js';
import type { Dice } from '../../util/ids.js';
import type { LineEnd, LineHandlers } from '../../util/line/line.js';
import type { IsolationLevel } from '../containers/isolation/namespaces.js';
import type { FromAgent, ToAgent } from '../protocol/agent-line.js';
import type { AllowedPath } from './decide/host-volumes.js';

export interface AgentDockerOptions {
  readonly socketPath: string;
  /** Logins of registries, as `docker login` writes them (`~/.docker/config.json`). */
  readonly configPath?: string;
  readonly allowPrivileged: boolean;
  /** Parameters that tasks may use although they reach out of a container. */
  readonly allowParameters: readonly string[];
}

export interface AgentInsideOptions {
  /** The compiled `agent/exec/main.js`. */
  readonly execScript: string;
  /** The compiled `agent/checks/ask-main.js`. */
  readonly askScript: string;
  /** What the server has to show (`Authorization: Bearer`) to have a program run in a task. */
  readonly token: () => string;
  /** A session in which nothing is said for so long is ended; default 30 minutes. */
  readonly execIdleMs?: number;
}

export interface AgentOptions {
  /** Everything durable; must be on a local disk. */
  readonly workDir: string;
  /** Name under which tasks are reached. */
  readonly hostname: string;
  readonly address: string;
  /** 0 = any free one. */
  readonly port: number;
  /** Mesos's texts; what is not named in `resources` is detected. */
  readonly resources?: string;
  readonly attributes?: string;
  readonly defaultUser: string;
  readonly allowRootTasks: boolean;
  readonly outputFileBytes: number;
  readonly outputFiles: number;
  /** The compiled `containers/log-pump/main.js`. */
  readonly pumpScript: string;
  /** How files are fetched before tasks start; absent: they are not. */
  readonly fetch?: {
    /** The compiled `containers/fetcher/main.js`. */
    readonly script: string;
    readonly cacheBytes?: number;
    readonly limitBytes?: number;
    readonly timeLimitMs?: number;
    readonly stallMs?: number;
  };
  /** How the room that sandboxes take is measured; absent: it is not. */
  readonly disk?: {
    /** The compiled `disk/main.js`. */
    readonly script: string;
    /** Whether tasks that wrote more than the `disk` they asked for are ended. */
    readonly enforce: boolean;
    /** Between two looks at the same sandboxes; default 15 s. */
    readonly intervalMs?: number;
  };
  /** What of this host tasks may have as volumes; default nothing. */
  readonly hostVolumes?: readonly AllowedPath[];
  /** Processes and threads per task; default 4096. */
  readonly pidsMax?: number;
  /** How much tasks are kept apart besides their limits; default `default`. */
  readonly isolation?: IsolationLevel;
  /** Containers that are made in advance and wait for a task; default 8, 0 = none. */
  readonly warmContainers?: number;
  /** How tasks with an image are run; absent: the engine's usual socket, and nothing that reaches out of a container. */
  readonly docker?: AgentDockerOptions;
  /** How programs are run in containers: checks by the agent, and sessions; absent: checks fail, sessions are refused. */
  readonly inside?: AgentInsideOptions;
  readonly version?: string;
  /** What readers of the agent's port have to show (`Authorization: Bearer`); undefined = it is open. */
  readonly readToken?: string;
  /** Connects to the master; `onReset` is answered with a REGISTER. */
  readonly line: (handlers: LineHandlers<ToAgent>) => LineEnd<FromAgent>;
  /** The master has ended this agent (marked gone, or replaced): everything is killed; only a new start can register again. */
  readonly onShutdown?: (message: string) => void;
  readonly clock: Clock;
  readonly dice: Dice;
  readonly log: Log;
}
