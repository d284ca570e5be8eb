import type { ContainerEnd, ContainerLimits } from '../containerizer.js';
import { exitOfShellStatus } from './exit-meaning.js';

/** What the engine says of a container (`State` of inspect). */
export interface EngineState {
  readonly status: 'created' | 'running' | 'paused' | 'restarting' | 'removing' | 'exited' | 'dead';
  readonly pid: number;
  readonly exitCode: number;
  readonly oomKilled: boolean;
  readonly error: string;
  /** Its program was started at some time. */
  readonly everStarted: boolean;
}

/** What to do about a container of which the engine says `state` (undefined: it knows none). */
export type DockerStep = 'create' | 'start' | 'follow' | 'end' | 'lost';

/**
 * The next step towards a container that ran exactly once. `startAsked`: we have written down that we are about to start it;
 * then one that the engine does not know was taken away by somebody, and must not be made again.
 */
export function dockerStep(state: EngineState | undefined, startAsked: boolean): DockerStep {
  if (!state) return startAsked ? 'lost' : 'create';
  if (state.status === 'created') return state.error === '' ? 'start' : 'end';
  return state.status === 'exited' || state.status === 'dead' ? 'end' : 'follow';
}

/** Status of a main process that SIGKILL ended. */
const KILLED = 137;

/**
 * Whether the kernel's log has to be asked why a container ended: the engine learns of a kill for memory by a message of its
 * own, which is lost when the container is gone before it (its group goes with it). `asked`: somebody wanted the end.
 */
export function isUnexplained(state: EngineState, asked: boolean): boolean {
  return state.exitCode === KILLED && !state.oomKilled && !asked;
}

/** How a container ended, from what the engine says of it. An exit above 128 is a signal, as with a shell. */
export function dockerEnd(state: EngineState, limits: ContainerLimits): ContainerEnd {
  if (!state.everStarted)
    return { failure: `Failed to launch container: ${state.error || 'the engine did not start it'}` };
  const exit = exitOfShellStatus(state.exitCode);
  // One of its processes may have been killed while the main one went on and ended well.
  if (!state.oomKilled || ('code' in exit && exit.code === 0)) return { exit };
  const limitMiB = limits.memLimitMiB ?? limits.memMiB;
  const message = `Memory limit exceeded: the kernel killed in this container at its limit of ${limitMiB} MiB`;
  return { exit, limitation: { limitMiB, maxUsedMiB: limitMiB, message } };
}
