import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { crc32, deflateRawSync } from 'node:zlib';
import {
  Fetcher,
  type FetcherOptions,
  type FetchRequest,
} from '../../../src/embedded-mesos/containers/fetcher/fetcher.js';
import { silentLog } from '../../../src/logging/log.js';
import { SystemClock } from '../../../src/util/clock.js';
import { SystemDice } from '../../../src/util/ids.js';
import { compiledFetcher } from '../support/compiled-sources.js';

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** A server of files, and the user that fetches them. */
export class FetchWorld {
  readonly folder = mkdtempSync(join(tmpdir(), 'longrun-fetch-'));
  readonly requests: IncomingMessage[] = [];
  readonly progress: string[] = [];
  readonly account = { name: 'nobody', uid: 65534, gid: 65534, groups: [65534] };
  url = '';
  readonly #handlers = new Map<string, Handler>();
  #server: Server | undefined;
  readonly #fetchers: Fetcher[] = [];
  #sandboxes = 0;

  async start(): Promise<this> {
    chmodSync(this.folder, 0o711);
    const server = createServer((request, response) => {
      this.requests.push(request);
      const handler = this.#handlers.get(request.url ?? '');
      if (handler) handler(request, response);
      else response.writeHead(404).end();
    });
    this.#server = server;
    await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    return this;
  }

  /** Serves something; returns its URI. */
  serve(name: string, content: Buffer | string | Handler): string {
    const path = `/${name}`;
    this.#handlers.set(
      path,
      typeof content === 'function' ? content : (_, response) => response.end(content),
    );
    return this.url + path;
  }

  /** Serves bytes that are loaded again only when they changed. */
  serveTagged(name: string, content: () => Buffer | string): string {
    return this.serve(name, (request, response) => {
      const etag = `"${crc32(content())}"`;
      if (request.headers['if-none-match'] === etag) response.writeHead(304).end();
      else response.writeHead(200, { etag }).end(content());
    });
  }

  requestsOf(uri: string): number {
    return this.requests.filter(({ url }) => this.url + url === uri).length;
  }

  async fetcher(options: Partial<FetcherOptions> = {}): Promise<Fetcher> {
    const fetcher = new Fetcher({
      cacheFolder: join(this.folder, 'cache'),
      script: compiledFetcher(),
      clock: new SystemClock(),
      dice: new SystemDice(),
      log: silentLog,
      ...options,
    });
    await fetcher.start();
    this.#fetchers.push(fetcher);
    return fetcher;
  }

  /** A fetch into a sandbox of its own. */
  request(uris: FetchRequest['uris'], more: Partial<FetchRequest> = {}): FetchRequest {
    const containerId = `container-${++this.#sandboxes}`;
    return {
      containerId,
      sandbox: join(this.folder, containerId),
      account: this.account,
      uris,
      onProgress: (message) => this.progress.push(message),
      ...more,
    };
  }

  /** A tar archive of what `make` does in a folder; `tar` gets further arguments. */
  tar(name: string, make: (folder: string) => void, args: readonly string[] = ['.']): Buffer {
    const folder = mkdtempSync(join(this.folder, 'tar-'));
    make(folder);
    const file = join(this.folder, name);
    execFileSync('tar', ['--auto-compress', '--directory', folder, '--create', '--file', file, ...args]);
    return readFileSync(file);
  }

  /** Everything in a sandbox, files with their content. */
  files(sandbox: string): Record<string, string> {
    return Object.fromEntries(
      readdirSync(sandbox, { recursive: true, withFileTypes: true, encoding: 'utf8' })
        .filter((entry) => entry.isFile())
        .map((entry) => {
          const path = join(entry.parentPath ?? entry.path, entry.name);
          return [path.slice(sandbox.length + 1), readFileSync(path, 'utf8')];
        }),
    );
  }

  async close(): Promise<void> {
    for (const fetcher of this.#fetchers) fetcher.stop();
    this.#server?.closeAllConnections();
    await new Promise((closed) => this.#server?.close(closed));
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export interface ZipContent {
  readonly name: string;
  readonly content?: string;
  /** With the type bits; default a plain file. */
  readonly mode?: number;
  /** What the directory says of its size instead of the truth. */
  readonly claimedBytes?: number;
}

/** A zip archive, byte by byte: also such as no honest program makes. */
export function zip(contents: readonly ZipContent[]): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const { name, content = '', mode = 0o100644, claimedBytes } of contents) {
    const plain = Buffer.from(content);
    const packed = deflateRawSync(plain);
    const shared = Buffer.alloc(26);
    shared.writeUInt16LE(20, 0);
    shared.writeUInt16LE(8, 4);
    shared.writeUInt32LE(crc32(plain), 10);
    shared.writeUInt32LE(packed.length, 14);
    shared.writeUInt32LE(claimedBytes ?? plain.length, 18);
    shared.writeUInt16LE(Buffer.byteLength(name), 22);
    const local = Buffer.concat([Buffer.from('PK\x03\x04', 'latin1'), shared, Buffer.from(name), packed]);
    const head = Buffer.alloc(6);
    head.write('PK\x01\x02', 'latin1');
    head[5] = 3;
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE((mode << 16) >>> 0, 6);
    tail.writeUInt32LE(offset, 10);
    directory.push(Buffer.concat([head, shared, tail, Buffer.from(name)]));
    parts.push(local);
    offset += local.length;
  }
  const all = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  end.writeUInt16LE(contents.length, 8);
  end.writeUInt16LE(contents.length, 10);
  end.writeUInt32LE(all.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...parts, all, end]);
}

/** A file of this host that everybody may read. */
export function hostFile(path: string, content: string): string {
  mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
  writeFileSync(path, content, { mode: 0o644 });
  return path;
}
