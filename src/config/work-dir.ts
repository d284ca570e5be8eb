import { randomBytes, randomUUID } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

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

/** Creates the work dir (mode 0711: tasks' users must reach their sandboxes) with its identity and token, or reads them. */
export function openWorkDir(path: string): WorkDir {
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
