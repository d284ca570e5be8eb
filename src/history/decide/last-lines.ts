import type { LastLines } from '../ended-task.js';

/** Lines of each stream that are kept of an ended task. */
export const KEPT_LINES = 50;
/** Characters kept of one line. */
export const KEPT_LINE_CHARACTERS = 1_000;
/** Bytes at the end of each stream that are looked at. */
export const LOOKED_AT_BYTES = 16 * 1024;
/** A value shorter than this is no secret: masking it would take every "1" out of the lines. */
const SHORTEST_SECRET = 4;
const MASK = '********';

/** The last lines of a text that may begin in the middle of a line (`torn`), with every one of `secrets` masked. */
export function lastLines(text: string, torn: boolean, secrets: readonly string[]): LastLines {
  const all = masked(text, secrets).replace(/\n$/, '').split(/\r?\n/);
  if (torn && all.length > 1) all.shift();
  const lines = all.length === 1 && all[0] === '' ? [] : all.slice(-KEPT_LINES);
  const kept = lines.map((line) => line.slice(0, KEPT_LINE_CHARACTERS));
  const cut = torn || all.length > KEPT_LINES || lines.some((line) => line.length > KEPT_LINE_CHARACTERS);
  return { lines: kept, cut };
}

/** The text without the values that must not be stored, longest first so that none is left half. */
export function masked(text: string, secrets: readonly string[]): string {
  return secrets
    .filter((secret) => secret.length >= SHORTEST_SECRET)
    .sort((a, b) => b.length - a.length)
    .reduce((rest, secret) => rest.replaceAll(secret, MASK), text);
}
