import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CatalogError, type ErrorCode, type ErrorEntry, errors } from '../../src/errors/registry.js';

const page = readFileSync(join(__dirname, '../../docs/errors.md'), 'utf8');

/** Section of a code in docs/errors.md: from its head to the next. */
function section(code: string): string | undefined {
  return page.split(/^## /m).find((text) => text.startsWith(`${code}\n`));
}

describe('docs/errors.md', () => {
  it.each(Object.entries(errors) as [ErrorCode, ErrorEntry][])(
    'tells %s as it is answered',
    (code, { status, message, hint }) => {
      const text = section(code);
      const shown = `## ${code}\n\n${status} \`${message}\`\n\n- When: ...\n- Do: ${hint}\n`;
      if (text === undefined) throw new Error(`missing from docs/errors.md; add:\n${shown}`);
      expect(text).toContain(`${code}\n\n${status} \`${message}\``);
      expect(text).toContain(`\n- Do: ${hint}\n`);
      expect(/^- When: (.*)$/m.exec(text)?.[1]).toMatch(/^\S.{15,}\.$/);
    },
  );

  it('tells no error that does not exist', () => {
    const told = [...page.matchAll(/^## (\S+)$/gm)].map(([, code]) => code);
    expect(told.filter((code) => !Object.hasOwn(errors, code ?? ''))).toEqual([]);
    expect(new Set(told).size).toBe(told.length);
  });
});

describe('a catalogued error', () => {
  it('fills its texts and answers message, code and hint', () => {
    const error = new CatalogError('app-exists', { id: '/web' });
    expect(error.status).toBe(409);
    expect(error.toJSON()).toEqual({
      message: 'An app with id [/web] already exists.',
      code: 'app-exists',
      hint: 'Use PUT or PATCH /v2/apps/web to change it.',
    });
  });

  it('keeps a placeholder that nobody filled, so that it is noticed', () => {
    expect(new CatalogError('app-not-found').message).toBe("App '{id}' does not exist");
  });
});
