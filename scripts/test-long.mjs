// npm run test:long: the loops of the end-to-end suites at full size, several seeds, beside another longrun under load.
// ROUNDS (default 5), SEEDS (default 1,2,3), REQUESTS (default 200000) and PLANES (default builtin,haproxy) set the size. Keeps its summary in docs/measurements/long.txt.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startNeighbour } from './neighbour.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const rounds = Number(process.env.ROUNDS ?? 5);
const seeds = (process.env.SEEDS ?? '1,2,3').split(',').map(Number);
if (!Number.isInteger(rounds) || rounds < 1 || seeds.some((seed) => !Number.isInteger(seed))) {
  process.stderr.write(
    'ROUNDS must be a whole number above 0, SEEDS whole numbers with commas between them\n',
  );
  process.exit(2);
}

const lines = [];
function say(line) {
  lines.push(line);
  process.stdout.write(`${line}\n`);
}

async function jest(title, suite, environment) {
  const out = join(mkdtempSync(join(tmpdir(), 'longrun-long-')), 'result.json');
  const started = Date.now();
  const run = spawn(
    process.execPath,
    [join(root, 'node_modules/jest/bin/jest.js'), '--json', `--outputFile=${out}`, '--runInBand', suite],
    { cwd: root, stdio: ['ignore', 'ignore', 'inherit'], env: { ...process.env, ...environment } },
  );
  const status = await new Promise((done) => run.once('exit', (code, signal) => done(code ?? signal)));
  const result = existsSync(out)
    ? JSON.parse(readFileSync(out, 'utf8'))
    : { numPassedTests: 0, numFailedTests: 1, testResults: [] };
  rmSync(out, { force: true });
  const failed = Math.max(result.numFailedTests, status === 0 ? 0 : 1);
  say(
    `${title}: ${result.numPassedTests} passed, ${failed} failed, ${Math.round((Date.now() - started) / 1000)} s`,
  );
  for (const test of result.testResults.flatMap((file) => file.assertionResults))
    if (test.status === 'failed') say(`  failed: ${test.fullName}`);
  return { passed: result.numPassedTests, failed };
}

const build = spawnSync(process.execPath, [join(root, 'scripts/build.mjs'), '--if-stale'], {
  stdio: 'inherit',
});
if (build.status !== 0) process.exit(1);
const neighbour = await startNeighbour();
const results = [];
for (const seed of seeds)
  results.push(
    await jest(`kill -9 of anything, seed ${seed}, ${rounds} rounds`, 'test/e2e/kill-anything', {
      SEED: String(seed),
      ROUNDS: String(rounds),
    }),
  );
results.push(
  await jest(`rolling deploys, ${rounds} rounds`, 'test/e2e/rolling-deploys', { ROUNDS: String(rounds) }),
);
const requestsWanted = Number(process.env.REQUESTS ?? 200_000);
for (const plane of (process.env.PLANES ?? 'builtin,haproxy').split(','))
  results.push(
    await jest(`traffic through the ${plane} plane, ${requestsWanted} requests`, 'test/e2e/traffic', {
      PLANES: plane,
      REQUESTS: String(requestsWanted),
      CLIENTS: '6',
      PAUSE_MS: '40',
      DOWNLOAD_MIB: '100',
    }),
  );
const { requests, failures } = await neighbour.stop();
say(`another longrun on this host meanwhile: ${requests} requests, ${failures.length} failed`);
results.push(failures.length === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 });
// The API at full size: that it runs through is the test; its figures are measured, and said.
const figures = spawnSync(process.execPath, [join(root, 'scripts/bench.mjs'), 'api'], {
  cwd: root,
  encoding: 'utf8',
});
for (const line of figures.stdout.split('\n')) if (line.startsWith('  ')) say(line);
if (figures.status !== 0) process.stderr.write(figures.stderr);
say(
  `the API with 10 000 apps and 50 000 instances: ${figures.status === 0 ? 'ran through' : `failed (${figures.status})`}`,
);
results.push(figures.status === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 });
const passed = results.reduce((sum, result) => sum + result.passed, 0);
const failed = results.reduce((sum, result) => sum + result.failed, 0);
say(`${passed} passed, ${failed} failed`);
mkdirSync(join(root, 'docs/measurements'), { recursive: true });
writeFileSync(
  join(root, 'docs/measurements/long.txt'),
  `npm run test:long (ROUNDS=${rounds} SEEDS=${seeds.join(',')})\n${lines.join('\n')}\n`,
);
process.exit(failed === 0 ? 0 : 1);
