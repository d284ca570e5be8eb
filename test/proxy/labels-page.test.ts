import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(__dirname, '../..');

describe('docs/labels.md', () => {
  it('tells every label that the routing table is built from, and no other as one that counts', () => {
    const source = readFileSync(join(root, 'src/proxy/decide/port-labels.ts'), 'utf8');
    const read = [...source.matchAll(/label\('([A-Z_]+)'\)/g)].map(([, name]) => `HAPROXY_{n}_${name}`);
    const page = readFileSync(join(root, 'docs/labels.md'), 'utf8');
    const counting = /## Labels that count\n([\s\S]*?)\n## /.exec(page)?.[1] ?? '';
    const told = [...counting.matchAll(/^\| (.*?) \|/gm)].flatMap(([, cell]) =>
      [...(cell ?? '').matchAll(/`(HAPROXY_\{n\}_[A-Z_]+)`/g)].map(([, name]) => name ?? ''),
    );
    expect(read.length).toBeGreaterThan(3);
    expect([...told].sort()).toEqual([...new Set(read)].sort());
  });
});
