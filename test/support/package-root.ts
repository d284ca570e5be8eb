import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The package's folder, found upwards from here: also right in the transpiled copy that benchmarks run from. */
export function packageRoot(): string {
  let dir = __dirname;
  while (!existsSync(join(dir, 'biome.json'))) {
    if (dir === dirname(dir)) throw new Error(`no folder above ${__dirname} holds a biome.json`);
    dir = dirname(dir);
  }
  return dir;
}
