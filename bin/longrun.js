#!/usr/bin/env node
// Kept in the oldest syntax that any Node reads, so that an old one can say what it needs instead of a syntax error.
var wanted = [20, 19];
var have = process.versions.node.split('.').map(Number);
if (have[0] < wanted[0] || (have[0] === wanted[0] && have[1] < wanted[1])) {
  process.stderr.write(
    'longrun needs Node.js ' + wanted.join('.') + ' or newer; this is ' + process.versions.node + '.\n',
  );
  process.exit(1);
}
import('../dist/cli/main.js').then(
  (cli) => cli.main(process.argv),
  (error) => {
    if (
      error &&
      error.code === 'ERR_MODULE_NOT_FOUND' &&
      String(error.message).indexOf('dist/cli/main.js') >= 0
    ) {
      process.stderr.write(
        'longrun is not built yet: run `npm run build` first (`npm start` does it by itself).\n',
      );
    } else {
      process.stderr.write(String((error && error.stack) || error) + '\n');
    }
    process.exit(1);
  },
);
