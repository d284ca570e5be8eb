import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type HonourEntry, honourTable } from '../../src/cli/import/honour-table.js';
import { packageRoot } from '../support/package-root.js';

const rowOf = ({ kind, name, honour, why, todo }: HonourEntry): string =>
  `| ${kind} | \`${name}\` | ${honour === 'partly' ? 'in part' : honour} | ${why} | ${todo} |`;

describe('the guide to migrating', () => {
  it('has a row for each field and label, as the import reports it', () => {
    const guide = readFileSync(join(packageRoot(), 'docs/migrating-from-marathon.md'), 'utf8');
    const [, table = ''] = /honour table: begin -->\n([\s\S]*?)<!-- honour table: end/.exec(guide) ?? [];
    const [, , ...rows] = table.trim().split('\n');
    expect(rows).toEqual(honourTable.map(rowOf));
  });
});
