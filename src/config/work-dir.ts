import { randomBytes, randomUUID } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { urlOf } from '../util/listen.js';
import { SettingsError } from './load-settings.js';

/** Paths of one work dir, and the two things every process of it must know. */
export interface WorkDir {
  readonly path: string;
  /** Names everything this longrun owns on the host: cgroups, sockets, locks. */
  readonly instanceId: string;
  /** Proves that a process may use the agents', proxies' and operator's lines. */
  readonly token: string;
  readonly store: string;
  readonly run: string;
  readonly proxy: string;
}

/**
 * Creates the work dir (mode 0711: tasks' users must reach their sandboxes) with its identity and token, or reads them.
 * Throws SettingsError with a sentence when this user cannot have it.
 */
export function openWorkDir(path: string): WorkDir {
  try {
    return open(path);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new SettingsError(
      `the work dir ${path} cannot be used (${why}); name another with --work-dir, or run as its owner`,
    );
  }
}

function open(path: string): WorkDir {
  mkdirSync(path, { recursive: true, mode: 0o711 });
  for (const part of ['run', 'store', 'proxy']) mkdirSync(join(path, part), { recursive: true, mode: 0o700 });
  return {
    path,
    instanceId: readOrCreate(join(path, 'instance-id'), () => randomUUID().slice(0, 8)),
    token: readOrCreate(join(path, 'token'), () => randomBytes(32).toString('hex')),
    store: join(path, 'store'),
    run: join(path, 'run'),
    proxy: join(path, 'proxy'),
  };
}

function readOrCreate(file: string, make: () => string): string {
  try {
    writeFileSync(file, `${make()}\n`, { flag: 'wx', mode: 0o600 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    chmodSync(file, 0o600);
  }
  const text = readFileSync(file, 'utf8').trim();
  if (text === '') throw new Error(`${file} is empty; remove it and start again`);
  return text;
}

const apiUrlFile = (workDir: string): string => join(workDir, 'run', 'api-url');

/** Notes where this work dir's API is reached from this host, for the operator's commands. */
export function noteApiUrl(
  workDir: string,
  address: string,
  port: number,
  scheme: 'http' | 'https' = 'http',
): void {
  const here = address === '0.0.0.0' ? '127.0.0.1' : address === '::' ? '::1' : address;
  writeFileSync(apiUrlFile(workDir), `${urlOf(here, port, scheme)}\n`, { mode: 0o600 });
}

const apiCertFile = (workDir: string): string => join(workDir, 'run', 'api-cert.pem');

/** Notes the API's certificate, so that the operator's commands on this host know the server whatever it is called. */
export function noteApiCert(workDir: string, cert: string): void {
  writeFileSync(apiCertFile(workDir), cert, { mode: 0o600 });
}

/** The certificate that the API of this work dir last used; undefined when it never had one. */
export function notedApiCert(workDir: string): string | undefined {
  return readNote(apiCertFile(workDir));
}

/** The work dir's token: it proves the right to everything. Undefined when there is none, or it is not for this user. */
export function readToken(workDir: string): string | undefined {
  try {
    return readNote(join(workDir, 'token'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EACCES') return undefined;
    throw error;
  }
}

/** Where the API of this work dir was last reached; undefined when no server ever ran on it. */
export function notedApiUrl(workDir: string): string | undefined {
  return readNote(apiUrlFile(workDir));
}

function readNote(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').trim() || undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
