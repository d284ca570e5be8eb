import { mkdirSync, readFileSync } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Log } from '../../logging/log.js';
import type { Clock, Timer } from '../../util/clock.js';
import { type CachedTable, parseCachedTable, usableTable } from '../decide/usable-cache.js';
import type { RoutingTable } from '../table.js';

/** The cache follows the table at most so often. */
export const CACHE_PERIOD_MS = 500;
/** A table of thousands of servers is put into words and written in pieces of about so many letters, and requests go on between them. */
const PIECE_LENGTH = 64 * 1_024;

/** The last routing table on disk: a worker that starts without a server serves from it. */
export class TableCache {
  #timer: Timer | undefined;
  #writing: Promise<void> | undefined;
  #dirty: (() => RoutingTable) | undefined;
  #complained = false;

  constructor(
    private readonly file: string,
    private readonly localBootId: string,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {}

  /** What may be served of the last table; undefined when there is none. */
  load(): RoutingTable | undefined {
    let text: string;
    try {
      text = readFileSync(this.file, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
        this.log.warn('the cached routing table cannot be read; waiting for the server', {
          file: this.file,
          error: String(error),
        });
      }
      return undefined;
    }
    const cached = parseCachedTable(text);
    if (!cached) {
      this.log.warn('the cached routing table is damaged; waiting for the server', { file: this.file });
      return undefined;
    }
    return usableTable(cached, this.localBootId);
  }

  /** The table changed: it will be written soon. */
  changed(table: () => RoutingTable): void {
    this.#dirty = table;
    this.#timer ??= this.clock.after(CACHE_PERIOD_MS, () => {
      this.#timer = undefined;
      void this.flush();
    });
  }

  /** Writes what is not yet written. Never rejects: without a cache the worker still serves. */
  async flush(): Promise<void> {
    await this.#writing;
    const table = this.#dirty;
    if (!table) return;
    this.#dirty = undefined;
    this.#writing = this.#write({ format: 1, localBootId: this.localBootId, table: table() }).then(
      () => {
        this.#complained = false;
      },
      (error: unknown) => {
        if (!this.#complained)
          this.log.warn('the routing table cannot be cached on disk', {
            file: this.file,
            error: String(error),
          });
        this.#complained = true;
      },
    );
    await this.#writing;
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  async #write(cached: CachedTable): Promise<void> {
    mkdirSync(dirname(this.file), { recursive: true, mode: 0o700 });
    const draft = `${this.file}.${process.pid}`;
    const handle = await open(draft, 'w', 0o600);
    try {
      for (const piece of piecesOf(cached)) await handle.appendFile(piece);
      await handle.datasync();
    } finally {
      await handle.close();
    }
    await rename(draft, this.file);
  }
}

/** The cached table as JSON, a few services at a time. */
function* piecesOf({ table, ...about }: CachedTable): Generator<string> {
  const { services, ...versions } = table;
  let text = `${JSON.stringify(about).slice(0, -1)},"table":${JSON.stringify(versions).slice(0, -1)},"services":{`;
  let separator = '';
  for (const [key, service] of Object.entries(services)) {
    text += `${separator}${JSON.stringify(key)}:${JSON.stringify(service)}`;
    separator = ',';
    if (text.length < PIECE_LENGTH) continue;
    yield text;
    text = '';
  }
  yield `${text}}}}`;
}
