// Applies each named one-line patch of test/sabotage/*.json to a copy of the project and proves that its named test turns red.
// npm run test:sabotage [-- NAME...]
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const copy = mkdtempSync(join(tmpdir(), 'longrun-sabotage-'));
const wanted = process.argv.slice(2);

function prepare() {
  for (const part of [
    'src',
    'test',
    'bin',
    'scripts',
    'examples',
    'openapi.yaml',
    'package.json',
    'tsconfig.json',
    'jest.config.cjs',
  ]) {
    cpSync(join(root, part), join(copy, part), { recursive: true });
  }
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
}

function patches() {
  const dir = join(root, 'test/sabotage');
  return readdirSync(dir)
    .filter((name) => name.endsWith('.json'))
    .flatMap((name) =>
      JSON.parse(readFileSync(join(dir, name), 'utf8')).map((patch) => ({
        ...patch,
        room: name.slice(0, -5),
      })),
    )
    .filter(
      (patch) =>
        wanted.length === 0 || wanted.some((name) => patch.name.includes(name) || patch.room === name),
    );
}

function red(patch) {
  const escaped = patch.test.name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  const end2end = patch.test.file.includes('/e2e/');
  if (end2end) {
    const build = spawnSync(process.execPath, ['scripts/build.mjs'], { cwd: copy, encoding: 'utf8' });
    if (build.status !== 0) return { verdict: 'DOES NOT BUILD', detail: build.stdout.slice(-300) };
  }
  const out = join(copy, 'result.json');
  rmSync(out, { force: true });
  spawnSync(
    process.execPath,
    [
      'node_modules/jest/bin/jest.js',
      patch.test.file,
      '-t',
      escaped,
      '--json',
      `--outputFile=${out}`,
      '--runInBand',
    ],
    { cwd: copy, encoding: 'utf8', timeout: 240_000 },
  );
  let result;
  try {
    result = JSON.parse(readFileSync(out, 'utf8'));
  } catch {
    return { verdict: 'red', detail: 'the suite ended without a result' };
  }
  if (result.numFailedTests > 0 || result.numRuntimeErrorTestSuites > 0) return { verdict: 'red' };
  return { verdict: result.numPassedTests > 0 ? 'STILL GREEN' : 'NO SUCH TEST' };
}

prepare();
const rows = [];
for (const patch of patches()) {
  const file = join(copy, patch.file);
  const original = readFileSync(file, 'utf8');
  const parts = original.split(patch.find);
  let outcome;
  if (parts.length !== 2) {
    outcome = { verdict: 'DOES NOT APPLY', detail: `found ${parts.length - 1} times` };
  } else {
    writeFileSync(file, parts.join(patch.replace));
    outcome = red(patch);
    writeFileSync(file, original);
  }
  rows.push({ ...patch, ...outcome });
  process.stdout.write(
    `${outcome.verdict.padEnd(15)} ${patch.room.padEnd(14)} ${patch.name}${outcome.detail ? ` (${outcome.detail})` : ''}\n`,
  );
}
rmSync(copy, { recursive: true, force: true });
const caught = rows.filter(({ verdict }) => verdict === 'red').length;
process.stdout.write(`\n${caught} of ${rows.length} sabotages turn their test red\n`);
process.exit(caught === rows.length && rows.length > 0 ? 0 : 1);
