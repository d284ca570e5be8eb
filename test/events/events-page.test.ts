import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(__dirname, '../..');
const page = readFileSync(join(root, 'docs/events.md'), 'utf8');
const source = readFileSync(join(root, 'src/events/event-bus.ts'), 'utf8');

describe('docs/events.md', () => {
  const union = /export type EventType =([^;]+);/.exec(source)?.[1] ?? '';
  const types = [...union.matchAll(/'([a-z_]+)'/g)].map(([, type]) => type ?? '');

  it('has a section for every event type, and for no other', () => {
    const told = [...page.matchAll(/^#### (\S+)$/gm)].map(([, type]) => type ?? '');
    expect(types.length).toBeGreaterThan(20);
    expect([...told].sort()).toEqual([...types].sort());
  });

  it('shows only examples that carry their type and time', () => {
    const examples = page.match(/^\{"eventType"[\s\S]*?^```$/gm) ?? [];
    expect(examples.length).toBeGreaterThan(10);
    for (const example of examples)
      expect(example).toMatch(/"eventType":"[a-z_]+"[\s\S]*"timestamp":"2\d{3}-/);
  });
});
