import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import {
  copyFileSync,
  createReadStream,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Docker from 'dockerode';
import { waitFor } from '../../support/wait-for.js';
import { programEnvironment, programPath } from './docker-programs.js';

/** Networks of test engines: one of 10.213.0.0/16 each. */
const NETWORKS = 250;
/** An image with a shell and the usual small programs. */
export const testImage = 'longrun-test/busybox:1';

/** A real Docker engine of the tests' own: own folders, socket, bridge and cgroups; nothing of the host's is changed. */
export class DockerEngine {
  readonly root = mkdtempSync(join(tmpdir(), 'longrun-engine-'));
  readonly socketPath = join(this.root, 'docker.sock');
  readonly docker = new Docker({ socketPath: this.socketPath });
  readonly #name = `lrt${randomUUID().slice(0, 6)}`;
  #process: ChildProcess | undefined;

  private constructor(private readonly flags: readonly string[]) {}

  /** With one image, `testImage`. */
  static async start(...flags: string[]): Promise<DockerEngine> {
    const engine = new DockerEngine(flags);
    try {
      engine.#makeBridge();
      await engine.resume();
      await engine.#importBusybox();
      return engine;
    } catch (error) {
      await engine.destroy();
      throw error;
    }
  }

  #makeBridge(): void {
    const used = spawnSync('ip', ['-o', 'addr'], { encoding: 'utf8', env: programEnvironment }).stdout;
    const start = process.pid % NETWORKS;
    for (let step = 0; step < NETWORKS; step++) {
      const network = `10.213.${1 + ((start + step) % NETWORKS)}.1/24`;
      if (used.includes(network)) continue;
      this.#ip('link', 'add', this.#name, 'type', 'bridge');
      this.#ip('addr', 'add', network, 'dev', this.#name);
      this.#ip('link', 'set', this.#name, 'up');
      return;
    }
    throw new Error('every network of the tests is in use');
  }

  #ip(...words: string[]): void {
    const { status, stderr } = spawnSync('ip', words, { encoding: 'utf8', env: programEnvironment });
    if (status !== 0) throw new Error(`ip ${words.join(' ')}: ${stderr}`);
  }

  /** Starts the daemon (again). */
  async resume(): Promise<void> {
    const log = openSync(join(this.root, 'dockerd.log'), 'a');
    const folders = ['--data-root', join(this.root, 'data'), '--exec-root', join(this.root, 'exec')];
    const network = ['--bridge', this.#name, '--iptables=false', '--ip6tables=false', '--ip-forward=false'];
    this.#process = spawn(
      programPath('dockerd') ?? 'dockerd',
      [
        ...folders,
        ...network,
        ...[
          '--ip-masq=false',
          '--pidfile',
          join(this.root, 'dockerd.pid'),
          '-H',
          `unix://${this.socketPath}`,
        ],
        ...['--cgroup-parent', `/${this.#name}`, ...this.flags],
      ],
      { stdio: ['ignore', log, log], env: programEnvironment },
    );
    const answered = (): Promise<boolean> =>
      this.docker.ping().then(
        () => true,
        () => false,
      );
    await waitFor(async () => this.#process?.exitCode !== null || (await answered()), {
      timeoutMs: 30_000,
      what: () => `the engine to answer\n${this.log}`,
    });
    if (this.#process.exitCode !== null) throw new Error(`the engine ended\n${this.log}`);
  }

  get log(): string {
    return readFileSync(join(this.root, 'dockerd.log'), 'utf8').slice(-4_000);
  }

  get process(): ChildProcess {
    if (!this.#process) throw new Error('the engine is not up');
    return this.#process;
  }

  /** Ends the daemon; containers run on when it was started with --live-restore. */
  async suspend(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const { process } = this;
    process.kill(signal);
    await waitFor(() => process.exitCode !== null || process.signalCode !== null, {
      timeoutMs: 30_000,
      what: () => `the engine to end\n${this.log}`,
    });
    // Where nobody reaps its containerd, the next one would wait for that pid to go.
    rmSync(join(this.root, 'exec/containerd/containerd.pid'), { force: true });
  }

  /** An image of one layer from what is in a folder. */
  async importFolder(folder: string, name: string): Promise<void> {
    const archive = join(this.root, `${randomUUID()}.tar`);
    const { status } = spawnSync('tar', ['-C', folder, '-cf', archive, '.']);
    if (status !== 0) throw new Error(`tar ended with ${status}`);
    const [repo, tag] = splitName(name);
    const stream = await this.docker.importImage(createReadStream(archive) as unknown as string, {
      repo,
      tag,
    });
    await this.finished(stream);
    rmSync(archive);
  }

  async #importBusybox(): Promise<void> {
    const folder = join(this.root, 'image');
    this.unpackBusybox(folder);
    await this.importFolder(folder, testImage);
    rmSync(folder, { recursive: true });
  }

  /** A tree with busybox under all its names. */
  unpackBusybox(folder: string): void {
    for (const name of ['bin', 'tmp', 'etc']) mkdirSync(join(folder, name), { recursive: true });
    const busybox = join(folder, 'bin/busybox');
    copyFileSync(programPath('busybox') ?? '', busybox);
    const names = spawnSync(busybox, ['--list'], { encoding: 'utf8' }).stdout.split('\n');
    for (const name of names.filter((each) => each !== '' && each !== 'busybox'))
      linkSync(busybox, join(folder, 'bin', name));
  }

  /** Until a stream of the engine's events ends; throws with the error that it tells. */
  finished(
    stream: NodeJS.ReadableStream,
    onEvent: (event: unknown) => void = () => undefined,
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      this.docker.modem.followProgress(
        stream,
        (error: Error | null, events: readonly { readonly error?: string }[]) => {
          const told = events?.find((event) => event.error !== undefined)?.error;
          if (error ?? told) reject(error ?? new Error(told));
          else resolve();
        },
        onEvent,
      );
    });
  }

  /** Names of all its containers. */
  async containers(): Promise<readonly string[]> {
    return (await this.docker.listContainers({ all: true })).flatMap(({ Names }) => Names.slice(0, 1));
  }

  async destroy(): Promise<void> {
    if (this.#process && this.#process.exitCode === null && this.#process.signalCode === null) {
      for (const { Id } of await this.docker.listContainers({ all: true }))
        await this.docker
          .getContainer(Id)
          .remove({ force: true })
          .catch((error: { readonly statusCode?: number }) => {
            // Gone, or being removed, by whoever it belonged to.
            if (error.statusCode !== 404 && error.statusCode !== 409) throw error;
          });
      await this.suspend('SIGTERM');
    }
    const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .flatMap((line) => line.split(' ')[4] ?? [])
      .filter((path) => path.startsWith(`${this.root}/`));
    for (const path of mounts.reverse()) spawnSync('umount', ['-l', path]);
    spawnSync('ip', ['link', 'del', this.#name], { env: programEnvironment });
    for (const hierarchy of ['.', ...readdirSync('/sys/fs/cgroup')])
      removeGroups(join('/sys/fs/cgroup', hierarchy, this.#name));
    rmSync(this.root, { recursive: true, force: true, maxRetries: 5 });
  }
}

function removeGroups(folder: string): void {
  if (!existsSync(folder)) return;
  for (const name of readdirSync(folder))
    if (statSync(join(folder, name), { throwIfNoEntry: false })?.isDirectory())
      removeGroups(join(folder, name));
  try {
    rmdirSync(folder);
  } catch {
    // Something of it still ends; an empty group costs nothing.
  }
}

/** `repository:tag`, where the registry may have a port. */
export function splitName(name: string): readonly [string, string] {
  const colon = name.lastIndexOf(':');
  return [name.slice(0, colon), name.slice(colon + 1)];
}
