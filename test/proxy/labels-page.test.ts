import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { deploymentLabelNames } from '../../src/apps/decide/routing/deployment-labels.js';
import { templateNames } from '../../src/apps/decide/routing/label-findings.js';
import { portLabelNames } from '../../src/apps/decide/routing/port-labels.js';

const page = readFileSync(join(__dirname, '../../docs/labels.md'), 'utf8');

/** Names in the first column of the tables of a section. */
function toldIn(heading: string): string[] {
  const section = page.split(/^## /m).find((part) => part.startsWith(`${heading}\n`)) ?? '';
  return [...section.matchAll(/^\| (.*?) \|/gm)].flatMap(([, cell]) =>
    [...(cell ?? '').matchAll(/`(HAPROXY_[A-Z_{}n]+)`/g)].map(([, name]) => name ?? ''),
  );
}

describe('docs/labels.md', () => {
  it('tells every label that the routing table is built from, and no other as one that counts', () => {
    const read = ['HAPROXY_GROUP', ...portLabelNames.map((name) => `HAPROXY_{n}_${name}`)];
    expect(toldIn('Labels that count').sort()).toEqual(read.sort());
  });

  it('tells every template of which something counts', () => {
    expect(toldIn('Templates').sort()).toEqual(templateNames.map((name) => `HAPROXY_{n}_${name}`).sort());
  });

  it('tells every label of a deployment in two colours', () => {
    expect(toldIn('Two colours').sort()).toEqual(
      deploymentLabelNames.map((name) => `HAPROXY_${name}`).sort(),
    );
  });
});
