import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { transformSync } from '@swc/core';
import { packageRoot } from '../support/package-root.js';

/** A copy of src/ as it runs (ESM), for tests that start real processes. */
export class Transpiled {
  readonly dir = mkdtempSync(join(tmpdir(), 'longrun-proxy-test-'));

  constructor() {
    const root = packageRoot();
    writeFileSync(join(this.dir, 'package.json'), '{"type":"module"}');
    symlinkSync(join(root, 'node_modules'), join(this.dir, 'node_modules'));
    for (const room of ['proxy', 'discovery', 'config', 'util', 'logging', 'apps'])
      this.#copy(join(root, 'src', room), join(root, 'src'));
  }

  get workerEntry(): string {
    return join(this.dir, 'proxy', 'worker-main.js');
  }

  remove(): void {
    rmSync(this.dir, { recursive: true, force: true });
  }

  #copy(path: string, root: string): void {
    for (const name of readdirSync(path)) {
      const file = join(path, name);
      if (statSync(file).isDirectory()) this.#copy(file, root);
      else if (name.endsWith('.ts')) {
        const target = join(this.dir, relative(root, file)).replace(/\.ts$/, '.js');
        mkdirSync(dirname(target), { recursive: true });
        const { code } = transformSync(readFileSync(file, 'utf8'), {
          filename: file,
          jsc: { parser: { syntax: 'typescript' }, target: 'es2022' },
          module: { type: 'es6' },
        });
        writeFileSync(target, code);
      }
    }
  }
}
