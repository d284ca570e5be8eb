import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { transformSync } from '@swc/core';
import { packageRoot } from '../../support/package-root.js';

/** What the agent's and the log pump's processes load. */
const folders = ['util', 'logging', 'embedded-mesos'];
let compiled: string | undefined;

afterAll(() => {
  if (compiled) rmSync(compiled, { recursive: true, force: true });
});

/** The sources of the agent, compiled as the build does into dist; in a folder that goes when the suite ends. */
export function compiledSources(): string {
  compiled ??= compile();
  return compiled;
}

export function compiledPump(): string {
  return join(compiledSources(), 'embedded-mesos/containers/log-pump/main.js');
}

export function compiledFetcher(): string {
  return join(compiledSources(), 'embedded-mesos/containers/fetcher/main.js');
}

export function compiledDiskWalk(): string {
  return join(compiledSources(), 'embedded-mesos/agent/disk/main.js');
}

function compile(): string {
  const target = mkdtempSync(join(tmpdir(), 'longrun-compiled-'));
  const source = join(packageRoot(), 'src');
  writeFileSync(join(target, 'package.json'), '{"type":"module"}');
  symlinkSync(join(packageRoot(), 'node_modules'), join(target, 'node_modules'));
  for (const folder of folders) {
    for (const name of readdirSync(join(source, folder), { recursive: true, encoding: 'utf8' })) {
      if (!name.endsWith('.ts')) continue;
      const { code } = transformSync(readFileSync(join(source, folder, name), 'utf8'), {
        jsc: { parser: { syntax: 'typescript' }, target: 'es2022' },
        module: { type: 'es6' },
      });
      const file = join(target, folder, name.replace(/\.ts$/, '.js'));
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, code);
    }
  }
  return target;
}
