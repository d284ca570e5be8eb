import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { type RegistryLogin, registryLogin } from '../decide/registry-login.js';

/** Larger files are no registry configuration. */
const MAX_BYTES = 1024 * 1024;
/** Where a task may have fetched its own to, as with Mesos. */
const inSandbox = ['.docker/config.json', '.dockercfg'];

/** Finds the logins of registries: the task's own, fetched into its sandbox, before the agent's. Read anew for every pull. */
export class RegistryLogins {
  /** `configPath`: the agent's own, as `docker login` writes it. */
  constructor(private readonly configPath: string | undefined) {}

  /** Throws with the file's name when one is there that cannot be used. */
  async find(image: string, sandbox: string): Promise<RegistryLogin | undefined> {
    const own = this.configPath === undefined ? [] : [this.configPath];
    for (const path of [...inSandbox.map((name) => join(sandbox, name)), ...own]) {
      const text = await readSmall(path, !own.includes(path));
      if (text === undefined) continue;
      try {
        const login = registryLogin(text, image);
        if (login) return login;
      } catch (error) {
        throw new Error(`the registry configuration ${path} cannot be used: ${(error as Error).message}`);
      }
    }
    return undefined;
  }
}

/** Undefined: not there. `optional`: what cannot be read counts as not there. */
async function readSmall(path: string, optional: boolean): Promise<string | undefined> {
  try {
    const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const { size } = await file.stat();
      if (size > MAX_BYTES) throw new RangeError('it is too large');
      return await file.readFile('utf8');
    } finally {
      await file.close();
    }
  } catch (error) {
    if (optional || (error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new Error(`the registry configuration ${path} cannot be read: ${(error as Error).message}`);
  }
}
