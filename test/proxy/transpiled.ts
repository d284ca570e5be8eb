import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { transformSync } from '@swc/core';
import { packageRoot } from '../support/package-root.js';

/** What runs as a process or a thread of its own, and what tests import from the copy. */
const entries = [
  'proxy/worker-main',
  'proxy/password-thread-main',
  'proxy/listeners/proxy-parent',
  'util/clock',
  'logging/log',
];

/** Those parts of src/ that proxies are made of, as they run (ESM), for tests that start real processes. */
export class Transpiled {
  readonly dir = mkdtempSync(join(tmpdir(), 'longrun-proxy-test-'));

  constructor() {
    writeFileSync(join(this.dir, 'package.json'), '{"type":"module"}');
    symlinkSync(join(packageRoot(), 'node_modules'), join(this.dir, 'node_modules'));
    for (const entry of entries) this.#copy(entry);
  }

  get workerEntry(): string {
    return join(this.dir, 'proxy', 'worker-main.js');
  }

  remove(): void {
    rmSync(this.dir, { recursive: true, force: true });
  }

  /** A file and all that it imports. `name`: below src/, without its ending. */
  #copy(name: string): void {
    const target = join(this.dir, `${name}.js`);
    if (existsSync(target)) return;
    const file = join(packageRoot(), 'src', `${name}.ts`);
    const { code } = transformSync(readFileSync(file, 'utf8'), {
      filename: file,
      jsc: { parser: { syntax: 'typescript' }, target: 'es2022' },
      module: { type: 'es6' },
    });
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, code);
    for (const [, imported = ''] of code.matchAll(/\bfrom\s*['"](\.[^'"]+)\.js['"]/g))
      this.#copy(resolve('/', dirname(name), imported).slice(1));
  }
}
