import { rename, writeFile } from 'node:fs/promises';
import type { JsonObject } from './decide/json-value.js';
import type { Reason } from './decide/judge-app.js';

/** Something that was not imported, as it was to be sent. */
export interface KeptAside {
  readonly id: string;
  readonly reasons: readonly Reason[];
  readonly definition: JsonObject;
}

export interface AsideContent {
  readonly source: string;
  readonly apps: readonly KeptAside[];
  readonly pods: readonly KeptAside[];
}

/** `longrun-import-old-marathon-8080.json` in the current folder: a second import of the same source replaces it. */
export function asideFileName(sourceUrl: string): string {
  const { host } = new URL(sourceUrl);
  return `longrun-import-${host.replace(/[^a-z0-9.-]/gi, '-')}.json`;
}

/** Written whole or not at all; for its owner only, as values of `env` are in it. */
export async function writeAside(file: string, content: AsideContent): Promise<void> {
  const fresh = `${file}.new`;
  await writeFile(fresh, `${JSON.stringify(content, undefined, 2)}\n`, { mode: 0o600 });
  await rename(fresh, file);
}
