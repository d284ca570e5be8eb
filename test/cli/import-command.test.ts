import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CommandIo } from '../../src/cli/rest/command-io.js';
import { type ImportArguments, importFrom } from '../../src/cli/rest/import-command.js';
import { RestClient } from '../../src/cli/rest/rest-client.js';
import { packageRoot } from '../support/package-root.js';
import { OldMarathon, tree, worker14 } from './support/old-marathon.js';

interface Asked {
  readonly method: string;
  readonly url: string;
  readonly body: unknown;
}
type Reply = { readonly status: number; readonly body: unknown };

/** Stands in for a longrun that refuses on demand: what a real one does is shown by the end-to-end test. */
class Destination {
  readonly asked: Asked[] = [];
  reply: (asked: Asked) => Reply = () => ({ status: 200, body: { deploymentId: 'd' } });
  url = '';
  #server: Server | undefined;

  async start(): Promise<this> {
    const server = createServer(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const text = Buffer.concat(chunks).toString();
      const { method = '', url = '' } = request;
      const asked: Asked = { method, url, body: text === '' ? undefined : JSON.parse(text) };
      if (method !== 'GET') this.asked.push(asked);
      const answer =
        method === 'GET' ? { status: 200, body: { id: '/', apps: [], groups: [] } } : this.reply(asked);
      response.writeHead(answer.status, {
        'content-type': 'application/json',
        'marathon-deployment-id': 'd',
      });
      response.end(JSON.stringify(answer.body));
    });
    this.#server = server;
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    return this;
  }

  async stop(): Promise<void> {
    this.#server?.closeAllConnections();
    await new Promise<void>((resolve) => (this.#server ? this.#server.close(() => resolve()) : resolve()));
  }
}

let folder: string;
let marathon: OldMarathon;
let destination: Destination;
let text: string;
const stop = new AbortController();
const io: CommandIo = {
  out: (line) => {
    text += `${line}\n`;
  },
  err: () => undefined,
  raw: () => undefined,
  readText: () => Promise.reject(new Error('an import reads no file')),
  terminal: false,
  interrupted: stop.signal,
};

beforeEach(async () => {
  text = '';
  folder = mkdtempSync(join(tmpdir(), 'longrun-import-'));
  marathon = await new OldMarathon().start();
  destination = await new Destination().start();
});
afterEach(async () => {
  await marathon.stop();
  await destination.stop();
  rmSync(folder, { recursive: true, force: true });
});

const run = (changes: Partial<ImportArguments> = {}): Promise<number> =>
  importFrom(new RestClient(destination.url), io, {
    source: { url: marathon.url, insecureTls: false },
    group: '/',
    dryRun: false,
    oneByOne: false,
    replace: false,
    stopped: false,
    force: false,
    aside: join(folder, 'aside.json'),
    contract: { file: join(packageRoot(), 'openapi.yaml') },
    wait: false,
    timeoutSeconds: 5,
    json: false,
    ...changes,
  });
const idsOf = (body: unknown): unknown => (body as readonly { readonly id: string }[]).map(({ id }) => id);
const lastApps = (): unknown => idsOf(destination.asked.findLast(({ body }) => Array.isArray(body))?.body);

describe('an import', () => {
  it('tells groups their dependencies, then sends all apps at once, and never a group of apps', async () => {
    expect(await run()).toBe(5);
    expect(
      destination.asked.map(({ method, url, body }) => [
        method,
        url,
        Array.isArray(body) ? idsOf(body) : body,
      ]),
    ).toEqual([
      ['PUT', '/v2/groups/shop?force=false', { dependencies: ['/worker'] }],
      ['PUT', '/v2/groups/shop/later?force=false', { dependencies: [] }],
      ['PUT', '/v2/apps?partialUpdate=false&force=false', ['/worker', '/shop/db', '/shop/web']],
      ['PATCH', '/v2/groups/shop', { enforceRole: true }],
    ]);
    expect(marathon.writes).toEqual([]);
  });

  it('says per app what is honoured and what not, and what each note means', async () => {
    await run({ dryRun: true });
    expect(text).toContain('/shop/web  would be imported');
    expect(text).toMatch(/honoured: .*cmd.*label HAPROXY_0_VHOST/);
    expect(text).toContain('not honoured: label HAPROXY_0_HTTP_FRONTEND_ACL');
    expect(text).toMatch(/label HAPROXY_0_HTTP_FRONTEND_ACL: templates in HAProxy.*\. See which setting/);
    expect(text).toContain('4 apps: 3 would be imported, 1 would be KEPT ASIDE; 1 pod kept aside');
    expect(destination.asked.map(({ method, url }) => [method, url])).toEqual([
      ['PUT', '/v2/apps?partialUpdate=false&force=false&dryRun=true'],
    ]);
  });

  it('in a dry run has the server judge, and says what it would refuse', async () => {
    destination.reply = ({ body }) =>
      Array.isArray(body) && body.length === 3
        ? { status: 422, body: { message: 'no', details: [{ path: '/(1)/role', errors: ['no such role'] }] } }
        : { status: 200, body: {} };
    expect(await run({ dryRun: true, aside: undefined })).toBe(5);
    expect(destination.asked.every(({ url }) => url.includes('dryRun=true'))).toBe(true);
    expect(lastApps()).toEqual(['/worker', '/shop/web']);
    expect(text).toContain('/shop/db  would be KEPT ASIDE\n  because of /role: no such role');
  });

  it('sets aside what the server refuses, and sends the rest without it', async () => {
    destination.reply = ({ url, body }) =>
      url.startsWith('/v2/apps') && Array.isArray(body) && body.length === 3
        ? {
            status: 422,
            body: { message: 'Object is not valid', details: [{ path: '/(1)/role', errors: ['no'] }] },
          }
        : { status: 200, body: {} };
    expect(await run()).toBe(5);
    expect(lastApps()).toEqual(['/worker', '/shop/web']);
    expect(text).toContain('/shop/db  KEPT ASIDE\n  because of /role: no');
    const file = JSON.parse(readFileSync(join(folder, 'aside.json'), 'utf8')) as { apps: { id: string }[] };
    expect(file.apps.map(({ id }) => id)).toEqual(['/legacy/bridged', '/shop/db']);
  });

  it('one by one never overwrites an app that appeared meanwhile', async () => {
    destination.reply = ({ method, body }) =>
      method === 'POST' && (body as { id: string }).id === '/shop/db'
        ? { status: 409, body: { message: 'An app with id [/shop/db] already exists.' } }
        : { status: 201, body: {} };
    expect(await run({ oneByOne: true })).toBe(5);
    expect(
      destination.asked.filter(({ url }) => url.startsWith('/v2/apps')).map(({ method }) => method),
    ).toEqual(['POST', 'POST', 'POST']);
    expect(text).toContain('/shop/db  CONFLICT, left as it is');
    expect(text).toContain('[3/3] /shop/web');
  });

  it('that meets an error reports what was sent and what was not, then fails', async () => {
    destination.reply = ({ body }) =>
      (body as { id?: string }).id === '/shop/db'
        ? { status: 503, body: { message: 'full' } }
        : { status: 201, body: {} };
    await expect(run({ oneByOne: true })).rejects.toThrow('full');
    expect(text).toContain('/worker  imported');
    expect(text).toContain('/shop/db  NOT SENT');
    expect(text).toContain('/shop/web  NOT SENT');
  });

  it('prints one document for programs, without values of the environment', async () => {
    await run({ json: true });
    const report = JSON.parse(text) as { apps: { id: string; outcome: string }[] };
    expect(report.apps.map(({ id, outcome }) => [id, outcome])).toEqual([
      ['/worker', 'new'],
      ['/legacy/bridged', 'aside'],
      ['/shop/db', 'new'],
      ['/shop/web', 'new'],
    ]);
    expect(text).not.toContain('hunter2');
  });
});

describe('a source', () => {
  it('without groups is asked for its apps, with the credentials given', async () => {
    marathon.answers['/v2/groups'] = undefined;
    marathon.answers['/v2/pods'] = undefined;
    marathon.answers['/v2/apps'] = { apps: [worker14] };
    const source = { url: marathon.url, user: 'reader:secret', insecureTls: false };
    expect(await run({ source, stopped: true })).toBe(0);
    expect(new Set(marathon.authorizations)).toEqual(new Set([`Basic ${btoa('reader:secret')}`]));
    expect(destination.asked.map(({ body }) => body)).toMatchObject([[{ id: '/worker', instances: 0 }]]);
    expect(existsSync(join(folder, 'aside.json'))).toBe(false);
  });

  it('gives a group of its own when only that is wanted', async () => {
    const groups = tree['groups'] as { id: string }[];
    marathon.answers['/v2/groups/shop'] = groups.find(({ id }) => id === '/shop');
    await run({ group: '/shop' });
    expect(lastApps()).toEqual(['/shop/db', '/shop/web']);
  });

  it('that is no Marathon, or none at all, is said to be so', async () => {
    marathon.answers['/v2/groups'] = 'hello';
    marathon.answers['/v2/apps'] = 'hello';
    await expect(run()).rejects.toThrow(/is no Marathon/);
    delete marathon.answers['/v2/groups'];
    delete marathon.answers['/v2/apps'];
    await expect(run()).rejects.toThrow(/is no Marathon/);
    await marathon.stop();
    await expect(run()).rejects.toThrow(/no Marathon answers at/);
  });
});
