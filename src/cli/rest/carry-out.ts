import type { Schemas } from '../../api/contract/load-contract.js';
import { type CommandIo, paint, printable } from './command-io.js';
import { DeploymentWatch, type Outcome } from './deployment-watch.js';
import type { RestAnswer, RestClient } from './rest-client.js';

/** What a command ends with; told in the help texts. */
export const exitCodes = { ok: 0, error: 1, deploymentFailed: 3, stillRunning: 4 } as const;

export interface ChangeArguments {
  /** Wait until the deployment is done. */
  readonly wait: boolean;
  readonly timeoutSeconds: number;
  readonly json: boolean;
  /** How often progress is looked up; tests hurry. */
  readonly pollMs?: number;
}

/** Sends a change and, unless told not to, watches its deployment to the end, saying what it waits for. */
export async function carryOut(
  client: RestClient,
  io: CommandIo,
  options: ChangeArguments,
  what: string,
  send: () => Promise<RestAnswer<unknown>>,
): Promise<number> {
  const watch = new DeploymentWatch(client);
  try {
    if (options.wait) await watch.open();
    const { headers } = await send();
    const id = headers.get('marathon-deployment-id') ?? '';
    for (const text of headers.get('x-longrun-warning')?.split(' | ') ?? [])
      io.err(paint(io, 'yellow', `warning: ${printable(text)}`));
    if (!options.wait) {
      io.out(options.json ? JSON.stringify({ deploymentId: id }) : `${what}: deployment ${id} has begun`);
      return exitCodes.ok;
    }
    const progress = new ProgressLine(io, options.json);
    const began = performance.now();
    const outcome = await watch.outcome(id, {
      interrupted: io.interrupted,
      timeoutMs: options.timeoutSeconds * 1000,
      pollMs: options.pollMs ?? 500,
      onProgress: (deployment) => progress.show(deployment),
    });
    progress.end();
    return tell(io, options, what, id, outcome, (performance.now() - began) / 1000);
  } finally {
    watch.close();
  }
}

function tell(
  io: CommandIo,
  { json }: ChangeArguments,
  what: string,
  id: string,
  outcome: Outcome,
  seconds: number,
): number {
  if (json)
    io.out(
      JSON.stringify({
        deploymentId: id,
        outcome: outcome.kind,
        ...('reason' in outcome ? { reason: outcome.reason } : {}),
      }),
    );
  switch (outcome.kind) {
    case 'success':
    case 'ended':
      if (!json) io.out(paint(io, 'green', `${what}: done in ${seconds.toFixed(1)} s`));
      return exitCodes.ok;
    case 'failed':
      if (!json) io.err(paint(io, 'red', `${what}: the deployment failed: ${printable(outcome.reason)}`));
      return exitCodes.deploymentFailed;
    case 'timeout':
    case 'interrupted':
      if (!json)
        io.err(
          paint(io, 'yellow', `${what}: deployment ${id} goes on by itself; \`longrun status\` shows it`),
        );
      return exitCodes.stillRunning;
  }
}

/** Shows what a deployment waits for: one moving line on a terminal, a line per change elsewhere. */
class ProgressLine {
  #shown = '';

  constructor(
    private readonly io: CommandIo,
    private readonly silent: boolean,
  ) {}

  show(deployment: Schemas['DeploymentStepInfo']): void {
    if (this.silent) return;
    const [first, ...others] = deployment.waiting ?? [];
    const reason = first
      ? `${first.app} ${first.reason}${others.length > 0 ? ` (and ${others.length} more)` : ''}`
      : 'working';
    const late = deployment.overdue ? ', overdue' : '';
    const text = printable(`step ${deployment.currentStep} of ${deployment.totalSteps}${late}: ${reason}`);
    if (text === this.#shown) return;
    this.#shown = text;
    if (this.io.terminal) this.io.raw(`\r\u001b[K${paint(this.io, 'dim', text)}`);
    else this.io.out(text);
  }

  end(): void {
    if (this.io.terminal && this.#shown) this.io.raw('\r\u001b[K');
  }
}
