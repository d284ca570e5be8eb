import type { Containerizer, Entrance } from '../../containers/containerizer.js';
import { enterContainer, enterNetwork } from '../../containers/enter.js';
import type { CommandInfo } from '../../protocol/v1.js';
import type { CheckPlan } from '../decide/check-plan.js';
import type { AttemptResult } from '../decide/check-verdict.js';
import type { ExecHost, RunEnd } from '../exec/exec-host.js';
import { askEndpoint } from './ask-endpoint.js';

/** Time for a program of ours to start and to tell, on top of the time that the check itself has. */
const OVERHEAD_MS = 5_000;
/** What is shown of a command's words on its failure. */
const SHOWN_CHARACTERS = 200;

/** Carries out one attempt of a check in a container. */
export interface Attempts {
  make(containerId: string, plan: CheckPlan): Promise<AttemptResult>;
}

/**
 * In the container, as Mesos does it: a command in its namespaces and cgroups and as its user, an endpoint in its network. A
 * task on the host's network is asked from here; where it has one of its own, a short-lived program goes there.
 */
export class ContainerAttempts implements Attempts {
  constructor(
    private readonly options: {
      readonly containerizer: Pick<Containerizer, 'entrance'>;
      readonly host: ExecHost;
      /** The compiled `agent/checks/ask-main.js`. */
      readonly askScript: string;
    },
  ) {}

  async make(containerId: string, plan: CheckPlan): Promise<AttemptResult> {
    const { containerizer } = this.options;
    let entrance: Entrance | undefined;
    try {
      entrance = await containerizer.entrance?.(containerId);
    } catch {
      return { type: 'impossible' };
    }
    if (!entrance) return { type: 'failed', why: 'its container cannot be entered' };
    try {
      const { probe } = plan;
      if (probe.type === 'COMMAND') return await this.#command(entrance, probe.command, plan.timeoutMs);
      return entrance.namespaces.includes('net')
        ? await this.#askInside(entrance, plan)
        : await askEndpoint(probe, plan.timeoutMs);
    } catch (error) {
      return { type: 'failed', why: `it could not be run: ${(error as Error).message}` };
    }
  }

  async #command(entrance: Entrance, command: CommandInfo, timeoutMs: number): Promise<AttemptResult> {
    const own = (command.environment?.variables ?? []).map(({ name, value }) => ({
      name,
      value: value ?? '',
    }));
    const inside = { ...entrance, environment: [...entrance.environment, ...own] };
    const { done } = this.options.host.run(enterContainer(inside, argvOf(command)), timeoutMs);
    return commandResult(await done, timeoutMs);
  }

  async #askInside(entrance: Entrance, { probe, timeoutMs }: CheckPlan): Promise<AttemptResult> {
    const { host, askScript } = this.options;
    const limit = Number.isFinite(timeoutMs) ? String(timeoutMs) : '0';
    const argv = [process.execPath, '--max-semi-space-size=1', askScript, JSON.stringify(probe), limit];
    const { end, output } = await host.run(enterNetwork(entrance, argv), timeoutMs + OVERHEAD_MS).done;
    if ('code' in end && end.code === 0) return JSON.parse(output) as AttemptResult;
    return { type: 'failed', why: `its network cannot be entered: ${tailOf(output)}` };
  }
}

function argvOf({ shell = true, value = '', arguments: argv = [] }: CommandInfo): readonly string[] {
  return shell ? ['/bin/sh', '-c', value] : [value, ...argv.slice(1)];
}

function tailOf(output: string): string {
  return output.trim().slice(-SHOWN_CHARACTERS);
}

function commandResult({ end }: RunEnd, timeoutMs: number): AttemptResult {
  if ('code' in end) return { type: 'exited', code: end.code };
  if ('signal' in end) return { type: 'killed', signal: end.signal };
  if ('timedOut' in end)
    return { type: 'failed', why: `the command did not end within ${timeoutMs / 1000} s` };
  return { type: 'failed', why: end.failure };
}
