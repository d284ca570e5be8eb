import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { masterPaths } from '../../src/embedded-mesos/master/http.js';
import { packageRoot } from '../support/package-root.js';

describe('docs/master-endpoints.md', () => {
  it('lists every path of the master’s port, and no other', () => {
    const page = readFileSync(join(packageRoot(), 'docs/master-endpoints.md'), 'utf8');
    const cells = [...page.matchAll(/^\| (`\/[^|]*) \|/gm)].map(([, cell]) => cell ?? '');
    const listed = cells.flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, path]) => path));
    expect(listed.sort()).toEqual([...masterPaths].sort());
  });
});
