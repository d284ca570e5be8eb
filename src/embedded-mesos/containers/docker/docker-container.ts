import { chmodSync, chownSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import type { Log } from '../../../logging/log.js';
import type { Clock, Timer } from '../../../util/clock.js';
import type { ContainerEnd, ContainerEvent, ContainerSpec, Entrance } from '../containerizer.js';
import { createOptions, engineName } from '../decide/docker-create.js';
import { dockerEnd, dockerStep, isUnexplained } from '../decide/docker-end.js';
import type { Suspect } from '../decide/kernel-log.js';
import { sandboxOwner } from '../decide/sandbox-owner.js';
import { ContainerOutput } from './container-output.js';
import { dockerEntrance } from './docker-entrance.js';
import type { DockerSpec } from './docker-spec.js';
import { type Engine, type EngineContainer, meaningOfError } from './engine.js';
import type { ImagePulls } from './image-pulls.js';
import type { RegistryLogins } from './registry-logins.js';

/** Pause before an engine that does not answer is asked again. */
const RETRY_MS = 1_000;
/** So often in a row the engine may fail at the same container before that counts as its answer. */
const MAX_FAILURES = 5;
/** A pull's progress is told at most this often. */
const PROGRESS_MS = 2_000;

/** What one container needs of its surroundings. */
export interface DockerHost {
  readonly engine: Engine;
  readonly pulls: ImagePulls;
  readonly logins: RegistryLogins;
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
  /** Whether the kernel says that it killed this process at its limit of memory. */
  readonly wasKilledAtLimit: (suspect: Suspect) => boolean;
  readonly emit: (event: ContainerEvent) => void;
  /** Removes an ended container from the engine. */
  readonly discard: (id: string) => void;
  /** The engine's answers: undefined = it answered, else why it did not. */
  readonly reachable: (problem: string | undefined) => void;
}

/** One container's life: the same steps whether it is new or found again. */
export class DockerContainer {
  readonly name: string;
  /** What holds now; changed by `Containerizer.update`. */
  limits: ContainerSpec['limits'];
  readonly #detached = new AbortController();
  readonly #output: ContainerOutput;
  #started = false;
  #pid = 0;
  #ended = false;
  /** It was cancelled while the engine made it. */
  #createdInVain = false;
  #failures = 0;
  #said = '';
  #sayAgainMs = Number.NEGATIVE_INFINITY;
  #wake: (() => void) | undefined;
  #kill: { deadlineMs: number; timer: Timer; termSent: boolean } | undefined;

  constructor(
    readonly spec: ContainerSpec,
    private readonly docker: DockerSpec,
    private readonly host: DockerHost,
  ) {
    this.name = engineName(spec.id);
    this.limits = spec.limits;
    this.#output = new ContainerOutput(host.outputFolder(spec.id), host.record(spec.id, 'position'), {
      ...host.output,
      ...(docker.tty && { terminal: true }),
    });
  }

  get ended(): boolean {
    return this.#ended;
  }

  get running(): boolean {
    return this.#started && !this.#ended;
  }

  /** Its main process, as the host counts; 0 before it runs. */
  get pid(): number {
    return this.#pid;
  }

  get #over(): boolean {
    return this.#ended || this.host.stopped();
  }

  /** Goes from step to step until it has ended; an engine out of reach is asked again and again. */
  async live(): Promise<void> {
    while (!this.#over) {
      try {
        await this.#step();
        this.#failures = 0;
        this.host.reachable(undefined);
      } catch (error) {
        if (this.#over) return;
        await this.#failed(error as Error);
      }
    }
    if (this.#createdInVain && !this.host.stopped()) this.host.discard(this.spec.id);
  }

  async #failed(error: Error): Promise<void> {
    const meaning = meaningOfError(error);
    if (meaning === 'failed') this.#failures++;
    if (!this.#started && (meaning === 'refused' || this.#failures >= MAX_FAILURES)) {
      this.#end({ failure: `Failed to launch container: ${engineWords(error)}` });
      return;
    }
    this.host.reachable(meaning === 'unreached' ? error.message : undefined);
    const who = meaning === 'unreached' ? 'is out of reach' : 'failed';
    this.#say(`The Docker engine ${who}, it is asked again: ${engineWords(error)}`, true);
    await new Promise<void>((again) => {
      this.#wake = again;
      this.host.clock.after(RETRY_MS, again);
    });
  }

  /** What goes on before it runs. `urgent`: whenever it is something else than before. */
  #say(message: string, urgent = false): void {
    const nowMs = this.host.clock.monotonicMs();
    if (this.#started || this.#over || message === this.#said) return;
    if (!urgent && nowMs < this.#sayAgainMs) return;
    this.#said = message;
    this.#sayAgainMs = nowMs + PROGRESS_MS;
    this.host.emit({ type: 'progress', id: this.spec.id, message });
  }

  async #step(): Promise<void> {
    const { engine, refusal } = this.host;
    const path = this.host.record(this.spec.id, 'started');
    const refused = existsSync(path) ? undefined : refusal(this.docker);
    if (refused) return this.#end({ failure: `Failed to launch container: ${refused}` });
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
      const oomKilled = found.state.oomKilled || this.#wasKilledAtLimit(found);
      return this.#end(dockerEnd({ ...found.state, oomKilled }, this.limits));
    }
    return this.#follow(found);
  }

  #wasKilledAtLimit({ state, id }: EngineContainer): boolean {
    if (!isUnexplained(state, this.#kill !== undefined)) return false;
    return this.host.wasKilledAtLimit({ pid: this.#pid, group: id });
  }

  async #follow({ state, ipAddress, stopSignal }: EngineContainer): Promise<void> {
    const { engine, emit } = this.host;
    this.#pid = state.pid;
    if (!this.#started) {
      this.#started = true;
      const address = ipAddress === undefined ? {} : { ipAddress };
      emit({ type: 'started', id: this.spec.id, pid: state.pid, ...address });
    }
    this.host.reachable(undefined);
    if (this.#kill && !this.#kill.termSent) await this.#terminate(stopSignal);
    await Promise.all([
      engine.untilEnded(this.name, this.#detached.signal),
      this.#output.follow(engine, this.name, this.#detached.signal),
    ]);
  }

  async #create(): Promise<void> {
    const { host, spec, docker } = this;
    const sandbox = host.sandbox(spec.id);
    try {
      const loginFor = () => host.logins.find(docker.image, sandbox, docker.loginPath);
      await host.pulls.provide(docker.image, docker.forcePullImage, loginFor, (text) => this.#say(text));
    } catch (error) {
      if (isConnectionError(error)) throw error;
      if (this.#over) return;
      const why = engineWords(error as Error);
      return this.#end({ failure: `Failed to launch container: image ${docker.image}: ${why}` });
    }
    if (this.#over || this.#kill) return;
    const image = await host.engine.image(docker.image);
    if (!image) throw new Error(`the image ${docker.image} is not there after its pull`);
    if (this.#over) return;
    this.#makeSandbox(sandbox, docker.user ?? image.user);
    const { instanceId, pidsMax } = host;
    await host.engine.create(createOptions(spec, docker, { instanceId, sandbox, pidsMax }));
    this.#createdInVain = this.#over;
  }

  /** It belongs to whom the container runs as, where that can be told from outside. */
  #makeSandbox(sandbox: string, user: string): void {
    mkdirSync(sandbox, { recursive: true, mode: 0o755 });
    const owner = sandboxOwner(user);
    if (owner === 'unknown') chmodSync(sandbox, 0o1777);
    else if (process.getuid?.() === 0) chownSync(sandbox, owner.uid, owner.gid);
  }

  /** How to join it; undefined when it does not run. */
  async entrance(): Promise<Entrance | undefined> {
    const found = this.running ? await this.host.engine.inspect(this.name) : undefined;
    const joined = found && dockerEntrance(found, this.docker);
    return joined && { ...joined, engine: { socketPath: this.host.engine.socketPath, container: this.name } };
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
    // Its start was never asked for and never will be: neither a pull nor an engine out of reach is waited for.
    else if (!this.#started && !existsSync(this.host.record(this.spec.id, 'started')))
      this.#end({ cancelled: true });
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

/** What the engine itself said, without what the client library puts around it. */
function engineWords({ message }: Error): string {
  return message.replace(/^\(HTTP code \d+\) [^-]*- /, '').trim();
}

const connectionErrors: ReadonlySet<string | undefined> = new Set([
  'EACCES',
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOENT',
  'EPIPE',
  'ETIMEDOUT',
]);

/** Whether the engine could not be reached at all. */
function isConnectionError(error: unknown): boolean {
  return connectionErrors.has((error as NodeJS.ErrnoException).code);
}
