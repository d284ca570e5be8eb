import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runScript } from './support/script.js';

const folder = join(__dirname, 'timelines');

/** Each file is one timeline: `> ` commands (see support/script.ts), below each what it brings about. */
describe('the timeline of', () => {
  it.each(readdirSync(folder))('%s', async (file) => {
    const expected = readFileSync(join(folder, file), 'utf8').trimEnd();
    const commands = expected
      .split('\n')
      .filter((line) => line.startsWith('> '))
      .map((line) => line.slice(2));
    expect(await runScript(commands.join('\n'))).toBe(expected);
  });
});
