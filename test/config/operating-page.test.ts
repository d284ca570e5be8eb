import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { variableOf } from '../../src/config/load-settings.js';
import type { SettingEntry } from '../../src/config/setting-entry.js';
import { settingTable } from '../../src/config/setting-table.js';

const page = readFileSync(join(__dirname, '../../docs/operating.md'), 'utf8');

/** A setting's row in docs/operating.md, for a server that runs as root. */
function rowOf(entry: SettingEntry): string {
  const value = entry.fallback({ root: true, env: {}, home: '/root' });
  const shown =
    value === undefined || value === ''
      ? ''
      : typeof value === 'object'
        ? `\`${Object.values(value).join('-')}\``
        : `\`${String(value)}\``;
  return `| \`--${entry.flag}\` | \`${variableOf(entry.flag)}\` | ${shown} | ${entry.help} |`;
}

describe('docs/operating.md', () => {
  it('lists every setting with its flag, variable and default', () => {
    const told = page.split('\n').filter((line) => line.startsWith('| `--'));
    expect(told).toEqual(settingTable.map(rowOf));
  });
});
