import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Account, ContainerSpec } from '../../containers/containerizer.js';

/** `f_type` of a tmpfs (statfs(2)). */
const TMPFS_MAGIC = 0x01021994;
const ENVIRONMENT = 'environment';

type Environment = ContainerSpec['environment'];

/**
 * The values of secrets of the containers that there are: in a folder in memory that nobody but the agent may enter, never on a
 * disk, and gone with the container or the boot. It outlives the agent: a restart in the middle of a launch, or a check years
 * later, needs them again.
 */
export class SecretFiles {
  /** `volatile`: the agent's folder in memory; absent: this host has none. `scripts`: where launch scripts really lie. */
  constructor(
    private readonly volatile: string | undefined,
    private readonly scripts: string,
  ) {}

  /** Why this host must not be told any secret, as a sentence. */
  get fault(): string | undefined {
    if (this.volatile === undefined)
      return 'this host has no folder in memory (tmpfs) for the values of secrets';
    return statfsSync(this.scripts).type === TMPFS_MAGIC
      ? undefined
      : 'containers of a former release keep this agent’s scripts on a disk; secrets can be used once they have ended';
  }

  path(containerId: string, index: number): string {
    return join(this.#folder(containerId), String(index));
  }

  /**
   * Writes what a container is to get. `account`: whose the files are, for its eyes only; undefined: a container of an image,
   * whose users are its own (only it sees them: on the host nobody passes the folder above).
   */
  write(
    containerId: string,
    environment: Environment,
    files: readonly Buffer[],
    account: Account | undefined | 'any',
  ): void {
    const folder = this.#folder(containerId);
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    writeFileSync(join(folder, ENVIRONMENT), JSON.stringify(environment), { flag: 'wx', mode: 0o600 });
    for (const [index, bytes] of files.entries()) {
      const path = this.path(containerId, index);
      writeFileSync(path, bytes, { flag: 'wx', mode: 0o400 });
      if (account === 'any') chmodSync(path, 0o444);
      else if (account) chownSync(path, account.uid, account.gid);
    }
  }

  /** Another value in the same file, which is mounted: by one write, then cut to its length. */
  rewrite(containerId: string, index: number, bytes: Buffer): void {
    const file = openSync(this.path(containerId, index), constants.O_WRONLY | constants.O_NOFOLLOW);
    try {
      writeSync(file, bytes, 0, bytes.length, 0);
      ftruncateSync(file, bytes.length);
    } finally {
      closeSync(file);
    }
  }

  /** Empty when nothing was written for the container. */
  environment(containerId: string): Environment {
    try {
      return JSON.parse(readFileSync(join(this.#folder(containerId), ENVIRONMENT), 'utf8')) as Environment;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw error;
    }
  }

  remove(containerId: string): void {
    if (this.volatile !== undefined) rmSync(this.#folder(containerId), { recursive: true, force: true });
  }

  /** Removes what belongs to none of these containers. */
  sweep(alive: ReadonlySet<string>): void {
    if (this.volatile === undefined) return;
    let found: readonly string[];
    try {
      found = readdirSync(join(this.volatile, 'secrets'));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
      throw error;
    }
    for (const containerId of found) if (!alive.has(containerId)) this.remove(containerId);
  }

  #folder(containerId: string): string {
    return join(this.volatile ?? '', 'secrets', containerId);
  }
}
