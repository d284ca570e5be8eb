import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, release } from 'node:os';
import { join } from 'node:path';
import { packageRoot } from '../test/support/package-root.js';

/** One measured figure beside its target, and what it is compared with. */
export interface Row {
  readonly what: string;
  readonly value: number | string;
  readonly unit: string;
  readonly target?: string;
}

/** The q-quantile of some numbers by the nearest-rank method. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(q * sorted.length) - 1))] ?? Number.NaN;
}

/** Prints the table and keeps it as JSON in docs/measurements. */
export function report(name: string, rows: readonly Row[]): void {
  const text = rows.map(({ what, value, unit, target }) => [
    what,
    typeof value === 'number' ? format(value) : value,
    unit,
    target ?? '',
  ]);
  const widths = [0, 1, 2, 3].map((column) => Math.max(...text.map((row) => row[column]?.length ?? 0)));
  process.stdout.write(`\n${name}\n`);
  for (const row of text)
    process.stdout.write(
      `  ${row.map((cell, i) => (i === 1 ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0))).join('  ')}\n`,
    );
  const root = packageRoot();
  mkdirSync(join(root, 'docs/measurements'), { recursive: true });
  const version = (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string })
    .version;
  writeFileSync(
    join(root, 'docs/measurements', `${name}.json`),
    `${JSON.stringify({ name, command: `npm run bench -- ${name}`, version, commit: commit(root), node: process.version, cpus: cpus().length, kernel: release(), rows }, null, 2)}\n`,
  );
}

function commit(root: string): string {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: root, encoding: 'utf8' }).trim();
  } catch {
    return 'unknown';
  }
}

function format(value: number): string {
  if (!Number.isFinite(value)) return '-';
  if (Math.abs(value) >= 100) return value.toFixed(0);
  return value.toFixed(Math.abs(value) >= 10 ? 1 : 2);
}
