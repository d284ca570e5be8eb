import type {
  Containerizer,
  ContainerLimits,
  ContainerSpec,
  Entrance,
  KnownContainer,
  ResourceStatistics,
} from './containerizer.js';

/** A containerizer that can say which containers it has. */
export interface KnowingContainerizer extends Containerizer {
  has(id: string): boolean;
}

/** Gives containers with an image to the Docker engine, and all others to the containerizer of processes. */
export class ContainerizerChoice implements Containerizer {
  constructor(
    private readonly processes: Containerizer,
    private readonly images: KnowingContainerizer,
    /** Bytes that a container's sandbox takes, as far as that was measured. */
    private readonly diskUsedBytes: (id: string) => number | undefined = () => undefined,
  ) {}

  get isolationKind(): string {
    return this.processes.isolationKind;
  }

  get gaps(): readonly string[] {
    return [...this.processes.gaps, ...this.images.gaps];
  }

  #of(id: string): Containerizer {
    return this.images.has(id) ? this.images : this.processes;
  }

  async start(known: readonly KnownContainer[]): Promise<void> {
    await Promise.all([
      this.processes.start(known.filter(({ spec }) => !spec.docker)),
      this.images.start(known.filter(({ spec }) => spec.docker)),
    ]);
  }

  nextId(image = false): string {
    return image ? this.images.nextId() : this.processes.nextId();
  }

  launch(spec: ContainerSpec): void {
    (spec.docker ? this.images : this.processes).launch(spec);
  }

  kill(id: string, graceMs: number): void {
    this.#of(id).kill(id, graceMs);
  }

  update(id: string, limits: ContainerLimits): void {
    this.#of(id).update(id, limits);
  }

  statistics(id: string): ResourceStatistics | undefined {
    const statistics = this.#of(id).statistics(id);
    const used = statistics && this.diskUsedBytes(id);
    return statistics && used !== undefined ? { ...statistics, disk_used_bytes: used } : statistics;
  }

  async entrance(id: string): Promise<Entrance | undefined> {
    return this.#of(id).entrance?.(id);
  }

  forget(id: string): void {
    this.#of(id).forget(id);
  }

  /** Sandboxes and outputs of both lie in the same folders. */
  removeSandbox(id: string): Promise<void> {
    return this.processes.removeSandbox(id);
  }

  async stop(): Promise<void> {
    await Promise.all([this.processes.stop(), this.images.stop()]);
  }
}
