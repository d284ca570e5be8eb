import { renameSync, writeFileSync } from 'node:fs';

/** What `--ready-file` tells a program: every listening URL by name, and the process ids by part. */
export interface ReadyFacts {
  readonly urls: Readonly<Record<string, string>>;
  readonly pids: Readonly<Record<string, number | readonly number[] | undefined>>;
}

/** Writes the ready file whole or not at all; a reader never sees half of it. Throws with a sentence that names the flag. */
export function writeReadyFile(path: string, { urls, pids }: ReadyFacts): void {
  const draft = `${path}.${process.pid}`;
  try {
    writeFileSync(draft, `${JSON.stringify({ ...urls, pids })}\n`, { mode: 0o600 });
    renameSync(draft, path);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(`--ready-file ${path} cannot be written: ${why}`);
  }
}
