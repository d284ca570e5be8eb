import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { transformSync } from '@swc/core';
import { packageRoot } from '../../support/package-root.js';

/** What the log pump's process loads. */
const sources = [
  'embedded-mesos/containers/log-pump/main',
  'embedded-mesos/containers/log-pump/log-pump',
  'embedded-mesos/containers/log-pump/output-file',
  'embedded-mesos/containers/log-pump/pumped-pipe',
  'embedded-mesos/containers/decide/cut-output',
  'util/pid-lock',
  'util/process-identity',
];

let compiled: string | undefined;

/** Compiles the log pump into a folder of its own, as the build does into dist; removed when this process ends. */
export function compiledPump(): string {
  compiled ??= compile();
  return compiled;
}

function compile(): string {
  const folder = mkdtempSync(join(tmpdir(), 'longrun-pump-'));
  const from = join(packageRoot(), 'src');
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
  return join(folder, 'embedded-mesos/containers/log-pump/main.js');
}
