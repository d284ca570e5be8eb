import { chownSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import type { Log } from '../../../logging/log.js';
import type { Clock, Timer } from '../../../util/clock.js';
import type { ContainerEnd, ContainerEvent, ContainerSpec } from '../containerizer.js';
import { createOptions, engineName } from '../decide/docker-create.js';
import { dockerEnd, dockerStep } from '../decide/docker-end.js';
import { ContainerOutput } from './container-output.js';
import type { DockerSpec } from './docker-spec.js';
import { type Engine, isEngineRefusal } from './engine.js';
import type { ImagePulls } from './image-pulls.js';

/** Pause before an engine that does not answer is asked again. */
const RETRY_MS = 1_000;

/** What one container needs of its surroundings. */
export interface DockerHost {
  readonly engine: Engine;
  readonly pulls: ImagePulls;
  readonly instanceId: string;
  readonly pidsMax: number;
  readonly output: { readonly fileBytes: number; readonly files: number };
  readonly sandbox: (id: string) => string;
  readonly outputFolder: (id: string) => string;
  /** `started`: exists once its start is about to be asked for. `position`: of the output. */
  readonly record: (id: string, kind: 'started' | 'position') => string;
  readonly clock: Clock;
  readonly log: Log;
  readonly stopped: () => boolean;
  /** Why the operator's rules refuse a container, if they do. */
  readonly refusal: (docker: DockerSpec) => string | undefined;
  readonly emit: (event: ContainerEvent) => void;
  /** The engine's answers: undefined = it answered, else why it did not. */
  readonly reachable: (problem: string | undefined) => void;
}

/** One container's life: the same steps whether it is new or found again. */
export class DockerContainer {
  readonly name: string;
  readonly #detached = new AbortController();
  readonly #output: ContainerOutput;
  #started = false;
  #ended = false;
  #wake: (() => void) | undefined;
  #kill: { deadlineMs: number; timer: Timer; termSent: boolean } | undefined;

  constructor(
    readonly spec: ContainerSpec,
    private readonly docker: DockerSpec,
    private readonly host: DockerHost,
  ) {
    this.name = engineName(spec.id);
    this.#output = new ContainerOutput(
      host.outputFolder(spec.id),
      host.record(spec.id, 'position'),
      host.output,
    );
  }

  get ended(): boolean {
    return this.#ended;
  }

  get running(): boolean {
    return this.#started && !this.#ended;
  }

  get #over(): boolean {
    return this.#ended || this.host.stopped();
  }

  /** Goes from step to step until it has ended; an engine out of reach is asked again and again. */
  async live(): Promise<void> {
    while (!this.#over) {
      try {
        await this.#step();
        this.host.reachable(undefined);
      } catch (error) {
        if (this.#over) return;
        if (isEngineRefusal(error) && !this.#started) {
          this.#end({ failure: `Failed to launch container: ${(error as Error).message}` });
          return;
        }
        this.host.reachable((error as Error).message);
        await new Promise<void>((again) => {
          this.#wake = again;
          this.host.clock.after(RETRY_MS, again);
        });
      }
    }
  }

  async #step(): Promise<void> {
    const { engine, refusal } = this.host;
    const refused = refusal(this.docker);
    if (refused) return this.#end({ failure: `Failed to launch container: ${refused}` });
    const path = this.host.record(this.spec.id, 'started');
    const found = await engine.inspect(this.name);
    const step = dockerStep(found?.state, existsSync(path));
    if (this.#over) return;
    if (this.#kill && (step === 'create' || step === 'start')) {
      if (step === 'start') await engine.remove(this.name);
      return this.#end({ cancelled: true });
    }
    if (step === 'lost')
      return this.#end({ failure: 'The container was removed from the Docker engine by somebody else' });
    if (step === 'create') return this.#create();
    if (step === 'start') {
      writeFileSync(path, '', { mode: 0o600 });
      return engine.start(this.name);
    }
    if (!found) return;
    if (step === 'end') {
      if (found.state.everStarted) await this.#output.follow(engine, this.name, this.#detached.signal);
      return this.#end(dockerEnd(found.state, this.spec.limits));
    }
    if (!this.#started) {
      this.#started = true;
      this.host.emit({ type: 'started', id: this.spec.id, pid: found.state.pid });
    }
    if (this.#kill && !this.#kill.termSent) await this.#terminate(found.stopSignal);
    await Promise.all([
      engine.untilEnded(this.name, this.#detached.signal),
      this.#output.follow(engine, this.name, this.#detached.signal),
    ]);
  }

  async #create(): Promise<void> {
    const { host, spec, docker } = this;
    try {
      await host.pulls.provide(docker.image, docker.forcePullImage);
    } catch (error) {
      if (isConnectionError(error)) throw error;
      const why = (error as Error).message;
      return this.#end({ failure: `Failed to launch container: ${why}` });
    }
    if (this.#over || this.#kill) return;
    const sandbox = host.sandbox(spec.id);
    mkdirSync(sandbox, { recursive: true, mode: 0o755 });
    if (spec.account) chownSync(sandbox, spec.account.uid, spec.account.gid);
    const { instanceId, pidsMax } = host;
    await host.engine.create(createOptions(spec, docker, { instanceId, sandbox, pidsMax }));
  }

  /** As Containerizer.kill. Before the program runs it never will. */
  kill(graceMs: number): void {
    if (this.#over) return;
    const { clock } = this.host;
    const deadlineMs = clock.monotonicMs() + graceMs;
    if (this.#kill && this.#kill.deadlineMs <= deadlineMs) return;
    this.#kill?.timer.cancel();
    const timer = clock.after(graceMs, () => void this.#destroy());
    this.#kill = { deadlineMs, timer, termSent: this.#kill?.termSent ?? false };
    this.#wake?.();
    if (this.#started && !this.#kill.termSent) void this.#askToEnd();
  }

  async #askToEnd(): Promise<void> {
    try {
      const found = await this.host.engine.inspect(this.name);
      if (found && !this.#over) await this.#terminate(found.stopSignal);
    } catch (error) {
      this.host.reachable((error as Error).message);
    }
  }

  async #terminate(stopSignal: string): Promise<void> {
    if (!this.#kill || this.#kill.termSent) return;
    await this.host.engine.signal(this.name, stopSignal);
    this.#kill.termSent = true;
  }

  /** Until the engine takes it. One that never ran ends by its next step. */
  async #destroy(): Promise<void> {
    if (this.#over) return;
    try {
      await this.host.engine.signal(this.name, 'SIGKILL');
    } catch (error) {
      this.host.reachable((error as Error).message);
    }
    if (this.#kill && !this.#over)
      this.#kill.timer = this.host.clock.after(RETRY_MS, () => void this.#destroy());
  }

  #end(end: ContainerEnd): void {
    if (this.#over) return;
    if (end.exit && !this.#started) this.host.emit({ type: 'started', id: this.spec.id, pid: 0 });
    this.#ended = true;
    this.detach();
    this.host.emit({ type: 'ended', id: this.spec.id, end });
  }

  /** Stops everything of ours; the container runs on. */
  detach(): void {
    this.#kill?.timer.cancel();
    this.#detached.abort();
    this.#wake?.();
    this.#output.close();
  }
}

/** Whether the engine could not be reached at all. */
function isConnectionError(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code;
  return code === 'ENOENT' || code === 'ECONNREFUSED' || code === 'ECONNRESET' || code === 'EPIPE';
}
