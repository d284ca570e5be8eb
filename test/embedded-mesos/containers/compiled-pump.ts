import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { transformSync } from '@swc/core';

/** What the log pump's process loads. */
const sources = [
  'log-pump/main',
  'log-pump/log-pump',
  'log-pump/output-file',
  'log-pump/pumped-pipe',
  'pid-lock',
  'processes',
  'decide/cut-output',
  'decide/proc-text',
];

/** Compiles the log pump into a folder of its own, as the build does into dist; removed when this process ends. */
export function compiledPump(): string {
  const folder = mkdtempSync(join(tmpdir(), 'longrun-pump-'));
  const from = join(process.cwd(), 'src/embedded-mesos/containers');
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  for (const source of sources) {
    const { code } = transformSync(readFileSync(join(from, `${source}.ts`), 'utf8'), {
      jsc: { parser: { syntax: 'typescript' }, target: 'es2022' },
      module: { type: 'es6' },
    });
    mkdirSync(dirname(join(folder, source)), { recursive: true });
    writeFileSync(join(folder, `${source}.js`), code);
  }
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  return join(folder, 'log-pump/main.js');
}
