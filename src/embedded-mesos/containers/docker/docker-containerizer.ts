import { existsSync, mkdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Log } from '../../../logging/log.js';
import type { Clock, Timer } from '../../../util/clock.js';
import type { Dice } from '../../../util/ids.js';
import type {
  ContainerEvent,
  Containerizer,
  ContainerLimits,
  ContainerSpec,
  Entrance,
  KnownContainer,
  ResourceStatistics,
} from '../containerizer.js';
import { updatedLimits } from '../decide/cgroup-values.js';
import { engineName, limitOptions } from '../decide/docker-create.js';
import { dockerRefusal } from '../decide/docker-parameters.js';
import { wasKilledAtLimit } from '../kernel-log.js';
import { DockerContainer, type DockerHost } from './docker-container.js';
import type { DockerRules } from './docker-spec.js';
import { dockerStatistics } from './docker-statistics.js';
import { Engine } from './engine.js';
import { ImagePulls, PULL_STALL_MS } from './image-pulls.js';
import { RegistryLogins } from './registry-logins.js';

const RETRY_MS = 1_000;

export interface DockerContainerizerOptions {
  /** The agent's folder; sandboxes and outputs lie where those of processes do. */
  readonly root: string;
  readonly socketPath: string;
  /** Names this work dir; containers of other ones are never touched. */
  readonly instanceId: string;
  readonly rules: DockerRules;
  readonly pidsMax: number;
  readonly output: { readonly fileBytes: number; readonly files: number };
  /** Logins of registries, as `~/.docker/config.json` has them. */
  readonly configPath?: string;
  readonly pullStallMs?: number;
  readonly onEvent: (event: ContainerEvent) => void;
  readonly clock: Clock;
  readonly dice: Dice;
  readonly log: Log;
}

/**
 * Runs containers of images through a Docker engine. The engine keeps them, so they outlive the agent. As long as none was
 * ever asked for, the engine is not touched, and need not be there.
 */
export class DockerContainerizer implements Containerizer {
  readonly isolationKind = 'docker';
  readonly #engine: Engine;
  readonly #pulls: ImagePulls;
  readonly #containers = new Map<string, DockerContainer>();
  readonly #host: DockerHost;
  readonly #records: string;
  #problem: string | undefined;
  #sweep: Timer | undefined;
  #stopped = false;

  constructor(private readonly options: DockerContainerizerOptions) {
    const { root, clock } = options;
    this.#records = join(root, 'docker');
    this.#engine = new Engine(options.socketPath);
    this.#pulls = new ImagePulls(this.#engine, clock, options.pullStallMs ?? PULL_STALL_MS);
    this.#host = {
      ...options,
      engine: this.#engine,
      pulls: this.#pulls,
      logins: new RegistryLogins(options.configPath),
      sandbox: (id) => join(root, 'sandboxes', id),
      outputFolder: (id) => join(root, 'outputs', id),
      record: (id, kind) => join(this.#records, `${id}.${kind}`),
      stopped: () => this.#stopped,
      wasKilledAtLimit: (suspect) => wasKilledAtLimit(suspect),
      refusal: (docker) => dockerRefusal(docker, options.rules),
      emit: (event) => {
        if (!this.#stopped) options.onEvent(event);
      },
      discard: (id) => void this.#remove(id),
      reachable: (problem) => this.#reachable(problem),
    };
  }

  /** Why the engine cannot be used just now; undefined when the last call was answered. */
  get problem(): string | undefined {
    return this.#problem;
  }

  get gaps(): readonly string[] {
    return this.#problem === undefined ? [] : [`the Docker engine is out of reach: ${this.#problem}`];
  }

  has(id: string): boolean {
    return this.#containers.has(id);
  }

  #reachable(problem: string | undefined): void {
    if (this.#stopped || (problem === undefined) === (this.#problem === undefined)) {
      this.#problem = problem;
      return;
    }
    const { log, socketPath } = this.options;
    this.#problem = problem;
    if (problem === undefined) log.info('the Docker engine answers again', { socketPath });
    else log.warn('the Docker engine is out of reach; it is asked again', { socketPath, error: problem });
  }

  async start(known: readonly KnownContainer[]): Promise<void> {
    for (const { spec } of known) this.launch(spec);
    if (existsSync(this.#records)) await this.#removeStrangers();
  }

  #makeFolders(): void {
    const { root } = this.options;
    for (const folder of [this.#records, join(root, 'outputs')])
      mkdirSync(folder, { recursive: true, mode: 0o700 });
    mkdirSync(join(root, 'sandboxes'), { recursive: true, mode: 0o711 });
  }

  /** Containers of this work dir that no task is known of. When the engine does not answer: later. */
  async #removeStrangers(): Promise<void> {
    if (this.#stopped) return;
    try {
      for (const name of await this.#engine.containersOf(this.options.instanceId)) {
        const id = name.replace(/^longrun-/, '');
        if (this.#containers.has(id)) continue;
        this.options.log.warn('a container that no task is known of is destroyed', { container: name });
        await this.#removeNow(id);
      }
      this.#reachable(undefined);
    } catch (error) {
      this.#reachable((error as Error).message);
      this.#sweepLater();
    }
  }

  #sweepLater(): void {
    this.#sweep?.cancel();
    this.#sweep = this.options.clock.after(RETRY_MS, () => void this.#removeStrangers());
  }

  nextId(): string {
    return this.options.dice.uuid();
  }

  launch(spec: ContainerSpec): void {
    if (this.#stopped || this.#containers.has(spec.id) || !spec.docker) return;
    this.#makeFolders();
    const container = new DockerContainer(spec, spec.docker, this.#host);
    this.#containers.set(spec.id, container);
    void container.live();
  }

  kill(id: string, graceMs: number): void {
    this.#containers.get(id)?.kill(graceMs);
  }

  update(id: string, limits: ContainerLimits): void {
    const container = this.#containers.get(id);
    if (!container?.running) return;
    const updated = updatedLimits(container.limits, limits);
    this.#engine.update(engineName(id), limitOptions(updated)).then(
      () => {
        container.limits = updated;
      },
      (error: Error) =>
        this.options.log.warn('limits of a container could not be changed; the old ones hold', {
          container: id,
          error: error.message,
        }),
    );
  }

  statistics(id: string): ResourceStatistics | undefined {
    const container = this.#containers.get(id);
    if (!container?.running) return undefined;
    return dockerStatistics(container.pid, container.limits, this.options.clock.wallMs() / 1000);
  }

  async entrance(id: string): Promise<Entrance | undefined> {
    return this.#containers.get(id)?.entrance();
  }

  forget(id: string): void {
    if (!this.#containers.get(id)?.ended) return;
    this.#containers.delete(id);
    void this.#remove(id);
  }

  /** What cannot be removed now is a stranger from then on, and goes when the engine answers. */
  async #remove(id: string): Promise<void> {
    try {
      await this.#removeNow(id);
    } catch (error) {
      if (this.#stopped) return;
      this.#reachable((error as Error).message);
      this.#sweepLater();
    }
  }

  async #removeNow(id: string): Promise<void> {
    await this.#engine.remove(engineName(id));
    for (const kind of ['started', 'position'] as const)
      await rm(this.#host.record(id, kind), { force: true });
  }

  async removeSandbox(id: string): Promise<void> {
    await rm(this.#host.sandbox(id), { recursive: true, force: true });
    await rm(this.#host.outputFolder(id), { recursive: true, force: true });
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#sweep?.cancel();
    this.#pulls.stop();
    for (const container of this.#containers.values()) container.detach();
  }
}
