// npm run bench -- NAME [options]: builds, transpiles bench/NAME.ts and runs it. Prints a table, writes docs/measurements/NAME.json.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { transformSync } from '@swc/core';

const root = fileURLToPath(new URL('..', import.meta.url));
const out = join(root, 'dist', 'bench-cjs');
const names = readdirSync(join(root, 'bench'))
  .filter((file) => file.endsWith('.ts') && !file.startsWith('_'))
  .map((file) => file.slice(0, -3));
const [name, ...options] = process.argv.slice(2);
if (!names.includes(name)) {
  process.stderr.write(`usage: npm run bench -- ${names.join('|')} [options]\n`);
  process.exit(2);
}

function transpile(dir) {
  for (const entry of readdirSync(dir)) {
    const file = join(dir, entry);
    if (statSync(file).isDirectory()) transpile(file);
    else if (/\.(ts|cjs)$/.test(entry)) {
      const target = join(out, relative(root, file)).replace(/\.ts$/, '.js');
      mkdirSync(dirname(target), { recursive: true });
      const code = entry.endsWith('.ts')
        ? transformSync(readFileSync(file, 'utf8'), {
            filename: file,
            jsc: { parser: { syntax: 'typescript' }, target: 'es2022' },
            module: { type: 'commonjs', ignoreDynamic: true },
          }).code
        : readFileSync(file, 'utf8');
      writeFileSync(target, code);
    }
  }
}

const build = spawnSync(process.execPath, [join(root, 'scripts/build.mjs'), '--if-stale'], {
  stdio: 'inherit',
});
if (build.status !== 0) process.exit(1);
rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
writeFileSync(join(out, 'package.json'), '{"type":"commonjs"}');
for (const dir of ['bench', 'src', 'test/support', 'test/e2e/support', 'test/services/support'])
  transpile(join(root, dir));
const run = spawnSync(process.execPath, [join(out, 'bench', `${name}.js`), ...options], {
  stdio: 'inherit',
  cwd: root,
  // Holding each answer against the contract is for tests; here it would be measured too.
  env: { ...process.env, ANSWERS_UNCHECKED: '1' },
});
process.exit(run.status ?? 1);
