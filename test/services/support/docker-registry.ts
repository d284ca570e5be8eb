import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createConnection, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { waitFor } from '../../support/wait-for.js';
import { type DockerEngine, splitName } from './docker-engine.js';
import { programEnvironment, programPath } from './docker-programs.js';

export const login = { username: 'tester', password: 's3cret-of-tests' } as const;
/** Of that password, as `htpasswd -B` writes it. */
const passwordHash = '$2b$05$abcdefghijklmnopqrstuuQvdQC0iyoEpKKmAu/3kGsQt0UPm2Gom';
const SLICE_MS = 50;

/** A private registry on loopback, and a slow way to it, so that there is something to see of a pull. */
export class DockerRegistry {
  readonly #folder = mkdtempSync(join(tmpdir(), 'longrun-registry-'));
  readonly #sockets = new Set<Socket>();
  #process: ChildProcess | undefined;
  #slow: Server | undefined;
  #port = 0;

  static async start(slowBytesPerSecond: number): Promise<DockerRegistry> {
    const registry = new DockerRegistry();
    await registry.#start(slowBytesPerSecond);
    return registry;
  }

  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  get slowAddress(): string {
    const address = this.#slow?.address() as AddressInfo | undefined;
    return `127.0.0.1:${address?.port ?? 0}`;
  }

  /** For `--docker-config`. */
  get dockerConfig(): string {
    const auth = Buffer.from(`${login.username}:${login.password}`).toString('base64');
    return JSON.stringify({ auths: { [this.address]: { auth }, [this.slowAddress]: { auth } } });
  }

  async #start(slowBytesPerSecond: number): Promise<void> {
    this.#port = await freePort();
    const path = join(this.#folder, 'passwords');
    writeFileSync(path, `${login.username}:${passwordHash}\n`);
    const config = {
      version: 0.1,
      log: { level: 'error' },
      storage: { filesystem: { rootdirectory: join(this.#folder, 'data') } },
      http: { addr: this.address },
      auth: { htpasswd: { realm: 'tests', path } },
    };
    // JSON is YAML.
    writeFileSync(join(this.#folder, 'config.yml'), JSON.stringify(config));
    this.#process = spawn(programPath('docker-registry') ?? '', ['serve', join(this.#folder, 'config.yml')], {
      stdio: 'ignore',
      env: programEnvironment,
    });
    await waitFor(
      () =>
        fetch(`http://${this.address}/v2/`).then(
          ({ status }) => status === 401,
          () => false,
        ),
      { timeoutMs: 20_000, what: 'the registry to answer' },
    );
    this.#slow = createServer((socket) => this.#connect(socket, slowBytesPerSecond));
    await new Promise<void>((ready) => this.#slow?.listen(0, '127.0.0.1', ready));
  }

  #connect(client: Socket, bytesPerSecond: number): void {
    const server = createConnection(this.#port, '127.0.0.1');
    for (const socket of [client, server]) {
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        client.destroy();
        server.destroy();
        this.#sockets.delete(socket);
      });
    }
    client.pipe(server);
    const slice = Math.ceil((bytesPerSecond * SLICE_MS) / 1000);
    let credit = slice;
    const pump = (): void => {
      while (credit > 0) {
        const chunk: Buffer | null =
          server.read(Math.min(credit, server.readableLength || credit)) ?? server.read();
        if (chunk === null) return;
        credit -= chunk.length;
        client.write(chunk);
      }
    };
    const timer = setInterval(() => {
      credit = Math.min(slice, credit + slice);
      pump();
    }, SLICE_MS);
    server.on('readable', pump);
    server.on('end', () => client.end());
    server.on('close', () => clearInterval(timer));
  }

  /** Puts an image of the engine's into this registry. */
  async push(engine: DockerEngine, image: string, name: string): Promise<void> {
    const full = `${this.address}/${name}`;
    const [repo, tag] = splitName(full);
    await engine.docker.getImage(image).tag({ repo, tag });
    const stream = await engine.docker
      .getImage(full)
      .push({ authconfig: { ...login, serveraddress: this.address } });
    await engine.finished(stream);
    await engine.docker.getImage(full).remove();
  }

  async destroy(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((closed) => (this.#slow ? this.#slow.close(() => closed()) : closed()));
    this.#process?.kill('SIGKILL');
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
