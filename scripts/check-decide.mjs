// Rule 1 of ARCHITECTURE.md: in decide/ there is no clock, timer, dice, file or socket.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../src', import.meta.url));
const impure =
  /\b(Date\.now|new Date\(\)|Math\.random|setTimeout|setInterval|setImmediate|process\.|performance\.|randomUUID|randomBytes)\b/;
let failures = 0;
let files = 0;

function walk(path) {
  for (const name of readdirSync(path)) {
    const full = join(path, name);
    if (statSync(full).isDirectory()) walk(full);
    else if (full.includes('/decide/') && full.endsWith('.ts')) {
      files += 1;
      readFileSync(full, 'utf8')
        .split('\n')
        .forEach((line, i) => {
          const code = line.replace(/\/\/.*$|^\s*\*.*$/, '');
          if (!impure.test(code)) return;
          failures += 1;
          process.stderr.write(
            `${full.slice(root.length + 1)}:${i + 1}: a decision must not read the world: ${line.trim()}\n`,
          );
        });
    }
  }
}

walk(root);
process.stdout.write(`decide/: ${files} files, ${failures} impure lines\n`);
process.exit(failures > 0 ? 1 : 0);
