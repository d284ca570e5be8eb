// Runs jest in a copy and reads what its tests did, also when it never ends by itself.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { sweep } from './copies.mjs';

const KEPT_COMPLAINTS = 4_000;
/** Waits in vain are most of the time; that shorter ones are long enough shows when the same tests pass unbroken. */
const PATIENCE = '0.5';

/** Every character that means something in a regular expression, for `-t`. */
function literally(text) {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

/**
 * @param copy the copy of the project to run in
 * @param names parts of the full names of the tests to run
 * @returns `{tests: [{file, name, began, failures}], end: {timedOutMs?, complaints}, tookMs, left}`; `left` counts the
 *   processes that had to be ended afterwards
 */
export async function runJest({ copy, files, names, workers = 1, limitMs }) {
  const events = join(copy, 'sabotage-events.jsonl');
  rmSync(events, { force: true });
  const started = performance.now();
  const child = spawn(
    process.execPath,
    [
      'node_modules/jest/bin/jest.js',
      '--runTestsByPath',
      ...files,
      '-t',
      names.map(literally).join('|'),
      `--env=${join(copy, 'scripts/sabotage/jest-environment.cjs')}`,
      '--cacheDirectory',
      join(copy, '.jest-cache'),
      ...(workers > 1 ? [`--maxWorkers=${workers}`] : ['--runInBand']),
    ],
    {
      cwd: copy,
      detached: true,
      stdio: ['ignore', 'ignore', 'pipe'],
      env: {
        ...process.env,
        TMPDIR: join(copy, 't'),
        SABOTAGE_EVENTS: events,
        TEST_PATIENCE: PATIENCE,
        NO_COLOR: '1',
        FORCE_COLOR: '0',
      },
    },
  );
  let complaints = '';
  child.stderr.setEncoding('utf8').on('data', (text) => {
    complaints = (complaints + text).slice(-KEPT_COMPLAINTS);
  });
  let timedOutMs;
  const patience = setTimeout(() => {
    timedOutMs = limitMs;
    try {
      process.kill(-child.pid, 'SIGKILL');
    } catch {
      child.kill('SIGKILL');
    }
  }, limitMs);
  await new Promise((done) => child.once('exit', done));
  clearTimeout(patience);
  // Descendants may hold the pipe open for ever.
  child.stderr.destroy();
  const left = sweep(copy);
  const tests = existsSync(events)
    ? readFileSync(events, 'utf8')
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line))
    : [];
  return { tests, end: { timedOutMs, complaints }, tookMs: performance.now() - started, left };
}
