import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { transformSync } from '@swc/core';

const root = join(__dirname, '../..');

/**
 * Emits the sources of some rooms as CommonJS into `target`, so that a child process can run the product's own code without
 * a build. Returns the path of the emitted `src`.
 */
export function emitSources(target: string, rooms: readonly string[]): string {
  for (const room of rooms) {
    for (const entry of readdirSync(join(root, 'src', room), { recursive: true, encoding: 'utf8' })) {
      if (!entry.endsWith('.ts')) continue;
      const file = join(root, 'src', room, entry);
      const { code } = transformSync(readFileSync(file, 'utf8'), {
        filename: file,
        jsc: { parser: { syntax: 'typescript' }, target: 'es2022' },
        module: { type: 'commonjs' },
      });
      const emitted = join(target, relative(root, file)).replace(/\.ts$/, '.js');
      mkdirSync(dirname(emitted), { recursive: true });
      writeFileSync(emitted, code);
    }
  }
  writeFileSync(join(target, 'package.json'), '{"type":"commonjs"}');
  symlinkSync(join(root, 'node_modules'), join(target, 'node_modules'));
  return join(target, 'src');
}
