// npm run test:sabotage [-- NAME...]: breaks a copy of the project by each one-line patch of test/sabotage/*.json and proves
// that the test named beside it fails by itself (and passes unbroken). NAME is a room or a part of a patch's name;
// --table FILE takes the patches of that file instead. Keeps its summary of a whole run in docs/measurements/sabotage.txt.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Compiler } from './sabotage/compiler.mjs';
import { makeCopy, makeHome, removeHome } from './sabotage/copies.mjs';
import { runJest } from './sabotage/run-jest.mjs';
import { judge, judgeUnbroken } from './sabotage/verdict.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
/** A story of several waits in vain, one after the other, takes its time to fail. */
const UNIT_LIMIT_MS = 240_000;
const E2E_LIMIT_MS = 300_000;
/** For one run of all the named tests of the unit suites, unbroken. */
const BASELINE_LIMIT_MS = 900_000;
/** A test that goes red mostly waits in vain for what was broken: there is room for more of them than processors. */
const WORKERS = 2 * Math.min(2, availableParallelism());

const isEndToEnd = ({ test }) => test.file.startsWith('test/e2e/');
const limitOf = (patch) => (isEndToEnd(patch) ? E2E_LIMIT_MS : UNIT_LIMIT_MS);
const seconds = (ms) => `${(ms / 1_000).toFixed(1)} s`;

function readPatches(tables, wanted) {
  const patches = tables.flatMap((file) =>
    JSON.parse(readFileSync(file, 'utf8')).map((patch) => ({ ...patch, room: basename(file, '.json') })),
  );
  if (wanted.length === 0) return patches;
  return patches.filter(({ name, room }) => wanted.some((part) => name.includes(part) || room === part));
}

/** Runs the named tests unbroken, all at once. Answers ended tests by file. */
async function baseline(copy, patches, workers) {
  const byFile = new Map();
  if (patches.length === 0) return byFile;
  const { tests } = await runJest({
    copy,
    files: [...new Set(patches.map(({ test }) => test.file))],
    names: [...new Set(patches.map(({ test }) => test.name))],
    workers,
    limitMs: BASELINE_LIMIT_MS,
  });
  for (const test of tests) {
    const file = test.file.slice(copy.length + 1);
    byFile.set(file, [...(byFile.get(file) ?? []), test]);
  }
  return byFile;
}

/** What is wrong with the named test on the unbroken product; it gets a second chance alone on a busy host. */
async function unbrokenComplaint(copy, patch, byFile) {
  const { file, name } = patch.test;
  if (judgeUnbroken(name, byFile.get(file) ?? [], { complaints: '' }) === undefined) return undefined;
  const { tests, end } = await runJest({ copy, files: [file], names: [name], limitMs: limitOf(patch) });
  return judgeUnbroken(name, tests, end);
}

/** Applies one patch to a copy, runs its test, takes the patch back. */
async function attempt(copy, patch, byFile, compiler) {
  const path = join(copy, patch.file);
  const original = readFileSync(path, 'utf8');
  const parts = original.split(patch.find);
  if (parts.length !== 2)
    return { verdict: 'NO RESULT', detail: `'find' occurs ${parts.length - 1} times in ${patch.file}` };
  const broken = parts.join(patch.replace);
  const complaint = compiler.complaint(patch.file, broken);
  if (complaint) return { verdict: 'NO RESULT', detail: `does not compile: ${complaint}` };
  const wrong = await unbrokenComplaint(copy, patch, byFile);
  if (wrong) return wrong;
  const endToEnd = isEndToEnd(patch);
  try {
    writeFileSync(path, broken);
    if (endToEnd) compiler.emit(copy, patch.file, broken);
    const { file, name } = patch.test;
    const { tests, end, tookMs, left } = await runJest({
      copy,
      files: [file],
      names: [name],
      limitMs: limitOf(patch),
    });
    return { ...judge(name, tests, end), tookMs, left };
  } finally {
    writeFileSync(path, original);
    if (endToEnd) compiler.emit(copy, patch.file, original);
  }
}

function show({ verdict, detail, tookMs, room, name }) {
  const why = verdict === 'RED' ? '' : `\n          ${detail}`;
  process.stdout.write(
    `${verdict.padEnd(9)} ${(tookMs === undefined ? '' : seconds(tookMs)).padStart(8)}  ${room.padEnd(14)} ${name}${why}\n`,
  );
}

/** Unit entries side by side, then end-to-end entries one after the other in a copy that is built once. */
async function runAll(patches, home) {
  const rows = [];
  const unit = patches.filter((patch) => !isEndToEnd(patch));
  const endToEnd = patches.filter(isEndToEnd);
  const copies = Array.from({ length: WORKERS }, (_, n) => makeCopy(root, home, String(n)));
  const compiler = new Compiler(copies[0]);
  const finish = (patch, outcome) => {
    rows.push({ ...patch, ...outcome });
    show(rows.at(-1));
  };
  process.stdout.write(`${patches.length} sabotages; first their tests on the unbroken product ...\n`);
  const unbroken = await baseline(copies[0], unit, WORKERS);
  const waiting = [...unit];
  await Promise.all(
    copies.map(async (copy) => {
      for (let patch = waiting.shift(); patch; patch = waiting.shift())
        finish(patch, await attempt(copy, patch, unbroken, compiler));
    }),
  );
  if (endToEnd.length === 0) return rows;
  const build = spawnSync(process.execPath, ['scripts/build.mjs'], { cwd: copies[0], encoding: 'utf8' });
  if (build.status !== 0) {
    const detail = `the unbroken product does not build: ${build.stdout}${build.stderr}`.slice(0, 400);
    for (const patch of endToEnd) finish(patch, { verdict: 'NO RESULT', detail });
    return rows;
  }
  const running = await baseline(copies[0], endToEnd, 1);
  for (const patch of endToEnd) finish(patch, await attempt(copies[0], patch, running, compiler));
  return rows;
}

function summary(rows, tookMs) {
  const count = (some, verdict) => some.filter((row) => row.verdict === verdict).length;
  const line = (title, some) =>
    `${title.padEnd(14)} ${[some.length, count(some, 'RED'), count(some, 'GREEN'), count(some, 'NO RESULT')].map((n) => String(n).padStart(9)).join(' ')}`;
  const rooms = [...new Set(rows.map(({ room }) => room))].sort();
  return [
    `${'room'.padEnd(14)} ${['patches', 'RED', 'GREEN', 'NO RESULT'].map((title) => title.padStart(9)).join(' ')}`,
    ...rooms.map((room) =>
      line(
        room,
        rows.filter((row) => row.room === room),
      ),
    ),
    line('all', rows),
    '',
    ...rows
      .filter(({ verdict }) => verdict !== 'RED')
      .map(({ verdict, room, name, detail }) => `${verdict}: ${room}: ${name}: ${detail}`),
    `${count(rows, 'RED')} of ${rows.length} sabotages turn their test red, ${seconds(tookMs)}`,
  ].join('\n');
}

const words = process.argv.slice(2);
const own = words.indexOf('--table');
const table = own < 0 ? undefined : words.splice(own, 2)[1];
const dir = join(root, 'test/sabotage');
const tables = table
  ? [resolve(table)]
  : readdirSync(dir)
      .filter((name) => name.endsWith('.json'))
      .map((name) => join(dir, name));
const patches = readPatches(tables, words);
if (patches.length === 0) {
  process.stderr.write(`no sabotage is called ${words.join(' or ')}\n`);
  process.exit(2);
}
const started = performance.now();
const home = makeHome();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
  process.once(signal, () => {
    removeHome(home);
    process.exit(1);
  });
let rows = [];
try {
  rows = await runAll(patches, home);
} finally {
  removeHome(home);
}
const text = summary(rows, performance.now() - started);
process.stdout.write(`\n${text}\n`);
if (table === undefined && words.length === 0) {
  mkdirSync(join(root, 'docs/measurements'), { recursive: true });
  writeFileSync(join(root, 'docs/measurements/sabotage.txt'), `npm run test:sabotage\n${text}\n`);
}
process.exit(rows.length === patches.length && rows.every(({ verdict }) => verdict === 'RED') ? 0 : 1);
