import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { packageRoot } from '../support/package-root.js';
import { ApiWorld } from './support/api-world.js';
import { makeAuth } from './support/auth.js';

let world: ApiWorld;

beforeEach(async () => {
  world = await new ApiWorld().start({ auth: await makeAuth() });
});
afterEach(() => world.stop());

const source = readFileSync(join(packageRoot(), 'openapi.yaml'), 'utf8');

describe('the document of the API', () => {
  it('is served as it was written and as JSON, to everybody', async () => {
    const yaml = await world.ask('GET', '/openapi.yaml');
    expect([yaml.status, yaml.headers['content-type'], yaml.text]).toEqual([200, 'application/yaml', source]);
    const json = await world.ask('GET', '/openapi.json');
    expect([json.status, json.headers['content-type']]).toEqual([200, 'application/json']);
    expect(json.json).toEqual(parse(source));
  });

  it.each(['/openapi.json', '/openapi.yaml', '/docs', '/docs/page.css', '/docs/page.js'])(
    '%s need not be loaded twice',
    async (path) => {
      const { headers } = await world.ask('GET', path);
      const etag = String(headers['etag']);
      expect(headers['cache-control']).toBe('no-cache');
      const again = await world.ask('GET', path, { headers: { 'if-none-match': etag } });
      expect([again.status, again.text.length, again.headers['etag']]).toEqual([304, 0, etag]);
      const other = await world.ask('GET', path, { headers: { 'if-none-match': '"other"' } });
      expect(other.status).toBe(200);
    },
  );

  it('is coded for clients that take that', async () => {
    const coded = await world.ask('GET', '/openapi.json', { headers: { 'accept-encoding': 'gzip' } });
    expect(coded.headers['content-encoding']).toBe('gzip');
    expect(coded.bytes.length).toBeLessThan(source.length / 3);
  });
});

describe('the page that shows it', () => {
  it('is what a browser is led to that asks for the address alone', async () => {
    const { status, headers } = await world.ask('GET', '/');
    expect([status, headers['location']]).toEqual([302, '/docs']);
    expect((await world.ask('GET', '/nothing')).status).toBe(401);
  });

  it('is the same with a slash behind, and nothing else of the package is below it', async () => {
    const page = await world.ask('GET', '/docs');
    expect((await world.ask('GET', '/docs/')).text).toBe(page.text);
    for (const path of [
      '/docs/page.html',
      '/docs/..%2fapps.ts',
      '/docs/constructor',
      '/docs/%2e%2e/files.ts',
    ])
      expect([path, (await world.ask('GET', path)).status]).toEqual([path, 404]);
    // What cannot even be read as a path is nobody's but administrators'.
    expect((await world.ask('GET', '/docs/%zz')).status).toBe(401);
  });

  it('loads nothing from elsewhere and runs nothing but its own script, and the browser is told so', async () => {
    const { text, headers } = await world.ask('GET', '/docs');
    const policy = String(headers['content-security-policy']);
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("script-src 'self'");
    expect(policy).not.toMatch(/unsafe|https?:|\*/);
    const named = [...text.matchAll(/(?:src|href)="([^"]*)"/g)].map(([, url]) => url ?? '');
    expect(named.length).toBeGreaterThan(3);
    for (const url of named) expect(url).toMatch(/^(\/docs\/|\/openapi\.|#|data:,$)/);
    expect(text).not.toMatch(/<style|style=|<script(?![^>]*src=)|\son\w+=/);
    for (const url of named.filter((one) => one.startsWith('/')))
      expect([url, (await world.ask('GET', url)).status]).toEqual([url, 200]);
  });

  it('never reads text of the document as HTML', async () => {
    const { text } = await world.ask('GET', '/docs/page.js');
    expect(text).not.toMatch(/innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function/);
  });
});
