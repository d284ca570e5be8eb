import type { Log } from '../../logging/log.js';
import type { Clock } from '../../util/clock.js';
import type { Dice } from '../../util/ids.js';
import type { LineEnd, LineHandlers } from '../../util/line/line.js';
import type { FromAgent, ToAgent } from '../protocol/agent-line.js';

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
  /** Processes and threads per task; default 4096. */
  readonly pidsMax?: number;
  /** Containers that are made in advance and wait for a task; default 8, 0 = none. */
  readonly warmContainers?: number;
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
