import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { ServedCertificate } from '../../../certificates/bundle.js';
import {
  checkPair,
  MAX_PEM_BYTES,
  readChain,
  splitPem,
} from '../../../certificates/decide/read-certificate.js';
import type { Log } from '../../../logging/log.js';
import type { Clock, Timer } from '../../../util/clock.js';

/** How often the folder is looked at: links that are swapped (as certificate tools do) give no other sign. */
export const LOOK_MS = 2_000;
/** Files of one folder that are read. */
export const MAX_FILES = 1_000;
const certificateFile = /^(?!\.)(.+)\.(?:pem|crt)$/;

/**
 * The certificates in a folder, as HAProxy's `crt` takes them: each `name.pem` has a chain and its key, or the key lies
 * beside it in `name.key`.
 *
 * A file that cannot be used is told of once and what it said before stays in force, so that one half-written leaves nobody without.
 */
export class CertificateFiles {
  readonly #known = new Map<
    string,
    { readonly mark: string; readonly certificate: ServedCertificate | undefined }
  >();
  #timer: Timer | undefined;
  #looking = false;
  #complaint = '';

  constructor(
    private readonly folder: string,
    private readonly clock: Clock,
    private readonly log: Log,
    private readonly onChange: (certificates: readonly ServedCertificate[]) => void,
  ) {}

  /** Resolves after the first look. */
  start(): Promise<void> {
    this.#timer = this.clock.every(LOOK_MS, () => void this.look());
    return this.look();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** Reads what has changed. Never rejects. */
  async look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    try {
      if (await this.#read()) {
        const all = [...this.#known.values()].flatMap(({ certificate }) =>
          certificate ? [certificate] : [],
        );
        this.onChange(all);
      }
      this.#complaint = '';
    } catch (error) {
      const complaint = (error as Error).message;
      if (complaint !== this.#complaint)
        this.log.error('the folder of certificates cannot be read; those read before stay', {
          folder: this.folder,
          error: complaint,
        });
      this.#complaint = complaint;
    } finally {
      this.#looking = false;
    }
  }

  /** True when something changed. */
  async #read(): Promise<boolean> {
    const names = (await readdir(this.folder)).filter((name) => certificateFile.test(name)).sort();
    let changed = false;
    for (const name of [...this.#known.keys()]) {
      if (names.includes(name)) continue;
      this.#known.delete(name);
      changed = true;
    }
    for (const name of names.slice(0, MAX_FILES)) if (await this.#readOne(name)) changed = true;
    return changed;
  }

  async #readOne(file: string): Promise<boolean> {
    const name = certificateFile.exec(file)?.[1] ?? file;
    const path = join(this.folder, file);
    const keyPath = join(this.folder, `${name}.key`);
    const mark = `${await markOf(path)} ${await markOf(keyPath)}`;
    const known = this.#known.get(file);
    if (known?.mark === mark) return false;
    try {
      const certificate = await readPair(name, path, keyPath);
      this.#known.set(file, { mark, certificate });
      const { names, notAfterMs } = readChain(certificate.certificate);
      this.log.info('a certificate was read', {
        file: path,
        names,
        notAfter: new Date(notAfterMs).toISOString(),
      });
      return true;
    } catch (error) {
      this.#known.set(file, { mark, certificate: known?.certificate });
      this.log.error('a certificate file cannot be used', {
        file: path,
        error: (error as Error).message,
        ...(known?.certificate && { effect: 'what it said before stays in use' }),
      });
      return false;
    }
  }
}

/** Throws an Error with a sentence. */
async function readPair(name: string, path: string, keyPath: string): Promise<ServedCertificate> {
  const text = await readFile(path, 'utf8');
  if (text.length > MAX_PEM_BYTES) throw new Error(`it is larger than ${MAX_PEM_BYTES} bytes`);
  const { certificates, privateKey } = splitPem(text);
  const key = privateKey === '' ? await readFile(keyPath, 'utf8').catch(() => '') : privateKey;
  if (key === '') throw new Error(`there is no private key in it, nor in ${keyPath}`);
  checkPair(certificates, key);
  return { name, certificate: certificates, privateKey: key };
}

async function markOf(path: string): Promise<string> {
  try {
    const { mtimeMs, size, ino } = await stat(path);
    return `${mtimeMs} ${size} ${ino}`;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '-';
    throw error;
  }
}
