import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { packageRoot } from '../support/package-root.js';

interface Verdict {
  readonly verdict: string;
  readonly detail: string;
}

interface Ended {
  readonly name: string;
  readonly began: boolean;
  readonly failures: readonly string[];
}

const root = packageRoot();
const hung = 'Exceeded timeout of 30000 ms for a test.';

/** Asks the script's own judge, which is a module that suites transpiled to CommonJS cannot import. */
function judge(tests: readonly Ended[], end: { timedOutMs?: number; complaints: string }): Verdict {
  const module = pathToFileURL(join(root, 'scripts/sabotage/verdict.mjs')).href;
  const script = `import(${JSON.stringify(module)}).then(({ judge }) => process.stdout.write(JSON.stringify(judge('a b', ${JSON.stringify(tests)}, ${JSON.stringify(end)}))))`;
  return JSON.parse(spawnSync(process.execPath, ['-e', script], { encoding: 'utf8' }).stdout) as Verdict;
}

describe('the verdict on a sabotage', () => {
  const calm = { complaints: '' };

  it.each<[string, readonly Ended[], { timedOutMs?: number; complaints: string }, string]>([
    ['fails', [{ name: 'a b', began: true, failures: ['1 is not 2'] }], calm, 'RED'],
    [
      'fails, and then its suite hangs',
      [{ name: 'a b', began: true, failures: ['1 is not 2'] }],
      { timedOutMs: 5, complaints: '' },
      'RED',
    ],
    ['passes', [{ name: 'a b', began: true, failures: [] }], calm, 'GREEN'],
    ['runs out of time', [{ name: 'a b', began: true, failures: [hung] }], calm, 'NO RESULT'],
    [
      'never begins, its preparations fail',
      [{ name: 'a b', began: false, failures: ['x'] }],
      calm,
      'NO RESULT',
    ],
    ['does not end', [], { timedOutMs: 5, complaints: '' }, 'NO RESULT'],
    ['is not there', [{ name: 'other', began: true, failures: ['x'] }], calm, 'NO RESULT'],
  ])('when its test %s', (_what, tests, end, verdict) => {
    expect(judge(tests, end).verdict).toBe(verdict);
  });
});

describe('a run of the sabotage table', () => {
  it('tells what was proven from what was not, and succeeds only when everything was', () => {
    const dir = mkdtempSync(join(tmpdir(), 'longrun-sabotage-table-'));
    try {
      const [known] = JSON.parse(readFileSync(join(root, 'test/sabotage/logging.json'), 'utf8')) as {
        file: string;
        find: string;
        test: { file: string; name: string };
      }[];
      if (!known) throw new Error('the table of the logging room is empty');
      const table = join(dir, 'table.json');
      const run = (patches: readonly object[]): { status: number | null; lines: readonly string[] } => {
        writeFileSync(table, JSON.stringify(patches));
        const { status, stdout, stderr } = spawnSync(
          process.execPath,
          [join(root, 'scripts/sabotage.mjs'), '--table', table],
          { encoding: 'utf8' },
        );
        return { status, lines: `${stdout}${stderr}`.split('\n') };
      };
      const red = { ...known, name: 'the known one' };
      const mixed = run([
        red,
        { ...known, name: 'a harmless one', replace: `${known.find} ` },
        { ...known, name: 'one without a test', test: { ...known.test, name: 'no test is called so' } },
        { ...known, name: 'one without a place', find: 'this text is not in the file' },
        { ...known, name: 'one that is no program', replace: '\u0024{unknownName}' },
      ]);
      const verdicts = mixed.lines
        .flatMap((line) => /^(RED|GREEN|NO RESULT) .* {2}table +(.*)$/.exec(line)?.slice(1) ?? [])
        .join(' | ');
      expect(mixed.status).toBe(1);
      expect(verdicts.split(' | ')).toHaveLength(10);
      expect(verdicts).toContain('RED | the known one');
      expect(verdicts).toContain('GREEN | a harmless one');
      for (const name of ['one without a test', 'one without a place', 'one that is no program'])
        expect(verdicts).toContain(`NO RESULT | ${name}`);
      const proven = run([red]);
      expect(proven.lines.join('\n')).toContain('1 of 1 sabotages turn their test red');
      expect(proven.status).toBe(0);
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  }, 180_000);
});
