import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { packageRoot } from './package-root.js';

let read: unknown;

/** openapi.yaml as JSON, read once in a suite: it is large. Nobody changes it. */
export function contractJson(): unknown {
  read ??= parse(readFileSync(join(packageRoot(), 'openapi.yaml'), 'utf8'));
  return read;
}
