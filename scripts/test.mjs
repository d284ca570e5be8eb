// The one test command: checks what this machine has, installs what is missing where it may, builds, runs every suite,
// says what was left out and why, all beside another longrun that must not lose a request, and ends with one plain line `N passed, N failed`.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import { answersSeenText } from './answers-seen.mjs';
import { prepareDocker } from './docker-programs.mjs';
import { startNeighbour } from './neighbour.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const isRoot = process.getuid?.() === 0;
const leftOut = [];
/** Tests that failed and then passed: each is a race to be found, in the test or in the product. */
const secondAttempts = [];
/** Tests that failed at both. */
const failures = [];
const REASON_LINES = 12;

/** Programs that suites use: [program, Debian package, which suites need it]. */
const needs = [
  ['setpriv', 'util-linux', 'users and sessions of tasks'],
  ['haproxy', 'haproxy', 'comparison with HAProxy'],
  ['dig', 'bind9-dnsutils', 'names, asked by dig'],
  ['pebble', 'pebble', 'certificates by ACME'],
];

function onPath(program) {
  return `${process.env.PATH}:/usr/sbin:/sbin`.split(':').some((dir) => existsSync(join(dir, program)));
}

function install() {
  const missing = needs.filter(([program]) => !onPath(program));
  if (missing.length === 0) return;
  if (isRoot && existsSync('/etc/debian_version')) {
    const packages = [...new Set(missing.map(([, name]) => name))];
    process.stdout.write(`installing ${packages.join(', ')} ...\n`);
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    spawnSync('apt-get', ['update', '-qq'], { stdio: 'inherit', env });
    spawnSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...packages], {
      stdio: 'inherit',
      env,
    });
  }
  for (const [program, name, what] of needs) {
    if (!onPath(program))
      leftOut.push(
        `${what}: ${program} is missing (Debian package ${name}; installed by itself only as root on Debian)`,
      );
  }
}

/** What a test said when it failed, without its stack, as much as a reader of the last page needs. */
function reasonOf(text) {
  const lines = stripVTControlCharacters(text).split('\n');
  const stack = lines.findIndex((line) => /^\s+at /.test(line));
  return lines
    .slice(0, stack < 0 ? undefined : stack)
    .filter((line) => line.trim() !== '')
    .slice(0, REASON_LINES)
    .join('\n      ');
}

async function run(title, args) {
  const out = join(mkdtempSync(join(tmpdir(), 'longrun-test-')), 'result.json');
  process.stdout.write(`\n== ${title}\n`);
  const started = Date.now();
  const jest = spawn(
    process.execPath,
    [
      join(root, 'node_modules/jest/bin/jest.js'),
      `--setupFilesAfterEnv=${join(root, 'test/support/second-attempt.cjs')}`,
      '--json',
      `--outputFile=${out}`,
      `--env=${join(root, 'test/support/patient-environment.cjs')}`,
      ...args,
    ],
    { cwd: root, stdio: ['ignore', 'ignore', 'inherit'], env: process.env },
  );
  const status = await new Promise((done) => jest.once('exit', (code, signal) => done(code ?? signal)));
  let counts = {
    numPassedTests: 0,
    numFailedTests: 0,
    numPendingTests: 0,
    numRuntimeErrorTestSuites: 0,
    testResults: [],
  };
  if (existsSync(out)) counts = JSON.parse(readFileSync(out, 'utf8'));
  else counts.numFailedTests = 1;
  rmSync(out, { force: true });
  for (const suite of counts.testResults) {
    for (const test of suite.assertionResults) {
      if (test.status === 'pending') leftOut.push(`${test.fullName}`);
      if (test.status === 'failed')
        failures.push(`${test.fullName}: ${reasonOf(test.failureMessages?.[0] ?? 'no reason given')}`);
      if (test.status === 'passed' && test.invocations > 1)
        secondAttempts.push(`${test.fullName}: ${reasonOf(test.retryReasons?.[0] ?? 'no reason given')}`);
    }
  }
  const failed = counts.numFailedTests + counts.numRuntimeErrorTestSuites;
  process.stdout.write(
    `${title}: ${counts.numPassedTests} passed, ${failed} failed, ${counts.numPendingTests} left out, ${Math.round((Date.now() - started) / 1000)} s (jest ended with ${status})\n`,
  );
  return { passed: counts.numPassedTests, failed: failed === 0 && status !== 0 ? 1 : failed };
}

const answersFolder = mkdtempSync(join(tmpdir(), 'longrun-answers-'));
process.env.CONTRACT_ANSWERS_SEEN = answersFolder;
// Whoever tests all of it may have a small or busy machine: what waits for a condition waits longer for it.
process.env.TEST_PATIENCE ??= '3';
install();
const withoutDocker = prepareDocker();
if (withoutDocker !== undefined)
  leftOut.push(`suites with a real Docker engine and registry: ${withoutDocker}`);
if (!isRoot) leftOut.push('users, cgroups and limits: these suites need root');
const build = spawnSync(process.execPath, [join(root, 'scripts/build.mjs'), '--if-stale'], {
  stdio: 'inherit',
});
if (build.status !== 0) {
  process.stdout.write('the build failed\n0 passed, 1 failed\n');
  process.exit(1);
}
/** Suites that look at the time of single requests, or kill everything: they run one after the other. */
const undisturbed = ['test/e2e/rolling-deploys', 'test/e2e/kill-anything'];

/** Counts as one test: not one request of the other longrun failed meanwhile. */
async function besideNeighbour(suites) {
  let neighbour;
  try {
    neighbour = await startNeighbour();
  } catch (error) {
    process.stdout.write(`${error.message}\n`);
    return [...(await suites()), { passed: 0, failed: 1 }];
  }
  const results = await suites();
  const { requests, failures } = await neighbour.stop();
  const calm = failures.length === 0 && requests > 0;
  process.stdout.write(
    `\n== another longrun on this host\n${requests} requests, ${failures.length} failed${failures.length > 0 ? `: ${[...new Set(failures)].slice(0, 5).join('; ')}` : ''}\n`,
  );
  return [...results, { passed: calm ? 1 : 0, failed: calm ? 0 : 1 }];
}

const results = await besideNeighbour(async () => [
  await run('unit and integration', ['--maxWorkers=2', '--testPathIgnorePatterns', '/e2e/', '/services/']),
  await run('end to end, under load', ['--runInBand', ...undisturbed]),
  await run('with a Docker engine and a registry', ['--maxWorkers=2', 'test/services']),
  await run('end to end', [
    '--maxWorkers=2',
    'test/e2e',
    '--testPathIgnorePatterns',
    '/node_modules/',
    ...undisturbed,
  ]),
]);
process.stdout.write(`\n== the contract\n${answersSeenText(answersFolder)}\n`);
rmSync(answersFolder, { recursive: true, force: true });
if (leftOut.length > 0)
  process.stdout.write(`\nleft out here:\n${leftOut.map((line) => `  - ${line}`).join('\n')}\n`);
if (secondAttempts.length > 0)
  process.stdout.write(
    `\npassed at the second attempt only:\n${secondAttempts.map((line) => `  - ${line}`).join('\n')}\n`,
  );
if (failures.length > 0)
  process.stdout.write(`\nfailed:\n${failures.map((line) => `  - ${line}`).join('\n')}\n`);
const passed = results.reduce((sum, { passed }) => sum + passed, 0);
const failed = results.reduce((sum, { failed }) => sum + failed, 0);
process.stdout.write(`\n${passed} passed, ${failed} failed\n`);
process.exit(failed > 0 || passed === 0 ? 1 : 0);
