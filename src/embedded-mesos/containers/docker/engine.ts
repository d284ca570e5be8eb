import { access } from 'node:fs/promises';
import type Docker from 'dockerode';
import type { createOptions, LimitOptions } from '../decide/docker-create.js';
import { INSTANCE_LABEL } from '../decide/docker-create.js';
import type { EngineState } from '../decide/docker-end.js';
import type { PullEvent } from '../decide/pull-progress.js';
import type { RegistryLogin } from '../decide/registry-login.js';

/** A call that is not answered within this time counts as unanswered: the engine may be there and hang. */
const CALL_LIMIT_MS = 15_000;
const NEVER = '0001-01-01';

export interface EngineContainer {
  /** The engine's own. */
  readonly id: string;
  readonly state: EngineState;
  /** Of the image, or of a parameter. */
  readonly stopSignal: string;
  /** On the engine's own networks, while it runs. */
  readonly ipAddress?: string;
  /** `name=value`. */
  readonly environment: readonly string[];
  readonly workingFolder: string;
}

/** An image that is there. */
export interface EngineImage {
  /** Whom its containers run as: a name or number, with `:` and a group if it has one; empty: root. */
  readonly user: string;
}

const statusOfError = (error: unknown): number | undefined =>
  (error as { readonly statusCode?: number }).statusCode;

/**
 * What an error of a call means: `refused` by the engine for good; `failed` in the engine, which may pass; `unreached`.
 */
export function meaningOfError(error: unknown): 'refused' | 'failed' | 'unreached' {
  const status = statusOfError(error);
  if (status === undefined) return 'unreached';
  return status < 500 ? 'refused' : 'failed';
}

/** The few calls of the engine's API that containers need; each has a limit, so that a hanging engine is noticed. */
export class Engine {
  #loaded: Promise<Docker> | undefined;

  constructor(readonly socketPath: string) {}

  /** Its client is loaded when there is an engine to talk to: it is half of an agent's time to start, and much memory. */
  async #docker(): Promise<Docker> {
    if (!this.#loaded) await access(this.socketPath);
    this.#loaded ??= import('dockerode').then(
      ({ default: Client }) => new Client({ socketPath: this.socketPath }),
    );
    return this.#loaded;
  }

  async #within<T>(what: string, call: (docker: Docker, abortSignal: AbortSignal) => Promise<T>): Promise<T> {
    const docker = await this.#docker();
    const signal = AbortSignal.timeout(CALL_LIMIT_MS);
    try {
      return await call(docker, signal);
    } catch (error) {
      if (!signal.aborted) throw error;
      const message = `no answer within ${CALL_LIMIT_MS / 1000} s (${what})`;
      throw Object.assign(new Error(message), { code: 'ETIMEDOUT' });
    }
  }

  /** Undefined: the engine knows no such container. */
  async inspect(name: string): Promise<EngineContainer | undefined> {
    try {
      const { Id, State, Config, NetworkSettings } = await this.#within('inspect', (docker, abortSignal) =>
        docker.getContainer(name).inspect({ abortSignal }),
      );
      const ipAddress = Object.values(NetworkSettings.Networks).find((each) => each.IPAddress)?.IPAddress;
      return {
        id: Id,
        state: {
          status: State.Status as EngineState['status'],
          pid: State.Pid,
          exitCode: State.ExitCode,
          oomKilled: State.OOMKilled,
          error: State.Error,
          everStarted: !State.StartedAt.startsWith(NEVER),
        },
        // The type definitions do not know it.
        stopSignal: (Config as { readonly StopSignal?: string }).StopSignal ?? 'SIGTERM',
        ...(ipAddress !== undefined && { ipAddress }),
        environment: Config.Env ?? [],
        workingFolder: Config.WorkingDir || '/',
      };
    } catch (error) {
      if (statusOfError(error) === 404) return undefined;
      throw error;
    }
  }

  /** Undefined: not there. */
  async image(name: string): Promise<EngineImage | undefined> {
    try {
      // Its type definitions do not know the signal, which it takes as the other calls do.
      const options = (abortSignal: AbortSignal): object => ({ abortSignal });
      const { Config } = await this.#within('image', (docker, signal) =>
        docker.getImage(name).inspect(options(signal)),
      );
      return { user: Config?.User ?? '' };
    } catch (error) {
      if (statusOfError(error) === 404) return undefined;
      throw error;
    }
  }

  async hasImage(name: string): Promise<boolean> {
    return (await this.image(name)) !== undefined;
  }

  /** A container of this name that is there already is as good. */
  async create(options: ReturnType<typeof createOptions>): Promise<void> {
    try {
      await this.#within('create', (docker, abortSignal) =>
        docker.createContainer({ ...options, abortSignal }),
      );
    } catch (error) {
      if (statusOfError(error) !== 409) throw error;
    }
  }

  async start(name: string): Promise<void> {
    try {
      await this.#within('start', (docker, abortSignal) => docker.getContainer(name).start({ abortSignal }));
    } catch (error) {
      if (statusOfError(error) !== 304) throw error;
    }
  }

  /** Resolves when it does not run any more; throws when the engine goes away meanwhile. */
  async untilEnded(name: string, abortSignal: AbortSignal): Promise<void> {
    const docker = await this.#docker();
    await docker.getContainer(name).wait({ condition: 'not-running', abortSignal });
  }

  /** One that does not run any more is left alone. */
  async signal(name: string, signal: string): Promise<void> {
    try {
      await this.#within('kill', (docker, abortSignal) =>
        docker.getContainer(name).kill({ signal, abortSignal }),
      );
    } catch (error) {
      const status = statusOfError(error);
      if (status !== 404 && status !== 409) throw error;
    }
  }

  async update(name: string, limits: LimitOptions): Promise<void> {
    await this.#within('update', (docker, abortSignal) =>
      docker.getContainer(name).update({ ...limits, abortSignal }),
    );
  }

  async remove(name: string): Promise<void> {
    try {
      await this.#within('remove', (docker, abortSignal) =>
        docker.getContainer(name).remove({ force: true, v: true, abortSignal }),
      );
    } catch (error) {
      const status = statusOfError(error);
      if (status !== 404 && status !== 409) throw error;
    }
  }

  /** Names of all containers of a work dir, whatever their state. */
  async containersOf(instanceId: string): Promise<readonly string[]> {
    const found = await this.#within('list', (docker, abortSignal) =>
      docker.listContainers({
        all: true,
        filters: { label: [`${INSTANCE_LABEL}=${instanceId}`] },
        abortSignal,
      }),
    );
    return found.flatMap(({ Names }) => Names.slice(0, 1).map((name) => name.replace(/^\//, '')));
  }

  /** What a container says from `since` on, as the engine's frames with timestamps; ends with the container. */
  async output(name: string, since: string, abortSignal: AbortSignal): Promise<NodeJS.ReadableStream> {
    const docker = await this.#docker();
    return docker.getContainer(name).logs({
      follow: true,
      stdout: true,
      stderr: true,
      timestamps: true,
      since: since as unknown as number,
      abortSignal,
    });
  }

  /** Pulls; `onProgress` is called with every event of the engine. Throws with the engine's reason. */
  async pull(
    image: string,
    login: RegistryLogin | undefined,
    onProgress: (event: PullEvent) => void,
    abortSignal: AbortSignal,
  ): Promise<void> {
    const docker = await this.#docker();
    const stream: NodeJS.ReadableStream = await docker.pull(image, {
      ...(login && { authconfig: login }),
      abortSignal,
    });
    await new Promise<void>((resolve, reject) => {
      docker.modem.followProgress(
        stream,
        (error: Error | null) => (error ? reject(error) : resolve()),
        onProgress,
      );
    });
  }
}
