// Builds dist/ from src/, or with --if-stale only when a source is newer than the last build.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compileContract } from './compile-contract.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const stamp = join(root, 'dist', '.built');

function newest(path) {
  const stat = statSync(path);
  if (!stat.isDirectory()) return stat.mtimeMs;
  return readdirSync(path).reduce((latest, name) => Math.max(latest, newest(join(path, name))), 0);
}

function stale() {
  if (!existsSync(stamp)) return true;
  const built = statSync(stamp).mtimeMs;
  return ['src', 'tsconfig.json', 'package.json', 'openapi.yaml', 'scripts/compile-contract.mjs'].some(
    (path) => newest(join(root, path)) > built,
  );
}

if (process.argv.includes('--if-stale') && !stale()) process.exit(0);
process.stderr.write('building longrun (takes some seconds) ...\n');
if (process.argv.includes('--clean')) rmSync(join(root, 'dist'), { recursive: true, force: true });
const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
if (!existsSync(tsc)) {
  process.stderr.write('the compiler is missing: run `npm ci` first\n');
  process.exit(1);
}
const result = spawnSync(process.execPath, [tsc, '-p', join(root, 'tsconfig.json')], { stdio: 'inherit' });
if (result.status !== 0) process.exit(result.status ?? 1);
await compileContract(root);
cpSync(join(root, 'src', 'api', 'docs-page'), join(root, 'dist', 'api', 'docs-page'), { recursive: true });
writeFileSync(stamp, new Date().toISOString());
