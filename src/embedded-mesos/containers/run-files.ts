import { chmodSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CONTAINER_FORMAT } from './containerizer.js';
import { namespaceScript } from './namespace-script.js';
import { launcherScript } from './supervisor-script.js';

export type Stream = 'stdout' | 'stderr';
export const streams: readonly Stream[] = ['stdout', 'stderr'];
export type RecordKind = 'warm' | 'supervisor' | 'task' | 'exit' | 'limit';

/** What a boot voids. */
const volatileNames = ['records', 'pipes', 'scripts'] as const;

/**
 * The folders of the process containerizer. All belong to the agent; only `sandboxes/<id>` belongs to the task's user, and
 * nothing that the agent, the supervisor or the pump opens by name lies in there.
 */
export class RunFiles {
  readonly records: string;
  readonly pipes: string;
  readonly sandboxes: string;
  readonly outputs: string;
  readonly scripts: string;
  readonly runtime: string;

  /** `volatile`: a folder in memory that takes what is void after a boot; absent: all of it lies in `root`. */
  constructor(
    readonly root: string,
    private readonly volatile?: string,
  ) {
    this.records = join(root, 'records');
    this.pipes = join(root, 'pipes');
    this.sandboxes = join(root, 'sandboxes');
    this.outputs = join(root, 'outputs');
    this.scripts = join(root, 'scripts');
    this.runtime = join(root, 'runtime');
  }

  /** Makes the folders and writes the scripts. Tasks' users may pass through to their sandbox, and no further. */
  create(): void {
    mkdirSync(this.root, { recursive: true, mode: 0o711 });
    chmodSync(this.root, 0o711);
    for (const folder of [this.outputs, this.runtime]) mkdirSync(folder, { recursive: true, mode: 0o700 });
    for (const name of volatileNames) this.#createVolatile(name);
    mkdirSync(this.sandboxes, { recursive: true, mode: 0o711 });
    chmodSync(this.sandboxes, 0o711);
    writeFileSync(this.launcherScript, launcherScript, { mode: 0o600 });
    writeFileSync(this.namespaceScript, namespaceScript, { mode: 0o600 });
  }

  /**
   * A folder that may lie in memory: a link in `root` leads there. One that already holds something, of containers that run,
   * stays where it is; one whose link leads nowhere, after a boot, is made anew.
   */
  #createVolatile(name: (typeof volatileNames)[number]): void {
    const path = join(this.root, name);
    if (holdsSomething(path)) return;
    rmSync(path, { recursive: true, force: true });
    const folder = this.volatile === undefined ? path : join(this.volatile, name);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    if (folder !== path) symlinkSync(folder, path);
  }

  /** For a work dir that holds no container any more: takes away what lies in memory. */
  removeVolatile(): void {
    if (this.volatile !== undefined) rmSync(this.volatile, { recursive: true, force: true });
  }

  get launcherScript(): string {
    return join(this.runtime, `launcher-${CONTAINER_FORMAT}.sh`);
  }

  get namespaceScript(): string {
    return join(this.runtime, `namespace-${CONTAINER_FORMAT}.sh`);
  }

  get pumpLock(): string {
    return join(this.runtime, 'log-pump.lock');
  }

  record(id: string, kind: RecordKind): string {
    return join(this.records, `${id}.${kind}`);
  }

  script(id: string): string {
    return join(this.scripts, id);
  }

  /** What is done with the agent's rights in a container's namespaces before its program starts; most have none. */
  stage(id: string): string {
    return join(this.scripts, `${id}.stage`);
  }

  /** What one mount(8) of the stage is to mount. */
  mountList(id: string): string {
    return join(this.scripts, `${id}.mounts`);
  }

  pipe(id: string, stream: Stream): string {
    return join(this.pipes, `${id}.${stream}`);
  }

  /** The pipe through which a warm container gets its orders; gone when it has them. */
  orders(id: string): string {
    return join(this.pipes, `${id}.orders`);
  }

  /** Made by the agent when all of the container's processes are gone: the pump empties the pipes and removes them. */
  drainMark(id: string): string {
    return join(this.pipes, `${id}.drain`);
  }

  sandbox(id: string): string {
    return join(this.sandboxes, id);
  }

  output(id: string): string {
    return join(this.outputs, id);
  }
}

function holdsSomething(folder: string): boolean {
  try {
    return readdirSync(folder).length > 0;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}
