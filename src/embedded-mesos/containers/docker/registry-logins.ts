import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { type RegistryLogin, registryLogin } from '../decide/registry-login.js';

/** Larger files are no registry configuration. */
const MAX_BYTES = 1024 * 1024;
/** Where a task may have fetched its own to, as with Mesos. */
const inSandbox = ['.docker/config.json', '.dockercfg'];

/**
 * Finds the logins of registries: that of a secret of the task, then what it fetched into its sandbox, then the agent's. Read
 * anew for every pull.
 */
export class RegistryLogins {
  /** `configPath`: the agent's own, as `docker login` writes it. */
  constructor(private readonly configPath: string | undefined) {}

  /** `secretPath`: of the task's secret. Throws with the file's name when one is there that cannot be used. */
  async find(image: string, sandbox: string, secretPath?: string): Promise<RegistryLogin | undefined> {
    const ofTask = inSandbox.map((name) => join(sandbox, name));
    for (const path of [secretPath, ...ofTask, this.configPath]) {
      if (path === undefined) continue;
      const text = await readSmall(path, ofTask.includes(path));
      if (text === undefined) continue;
      try {
        const login = registryLogin(text, image);
        if (login) return login;
      } catch (error) {
        // What a parser says quotes the text, and this one is a secret.
        const what =
          path === secretPath
            ? 'in the secret of pullConfig is not of the form that `docker login` writes'
            : `${path} cannot be used: ${(error as Error).message}`;
        throw new Error(`the registry configuration ${what}`);
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
