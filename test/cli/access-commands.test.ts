import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { addAccessCommands } from '../../src/cli/rest/add-access-commands.js';
import { runRestCommand } from '../../src/cli/rest/add-rest-commands.js';
import { audit } from '../../src/cli/rest/audit-command.js';
import type { CommandIo } from '../../src/cli/rest/command-io.js';
import { RestClient } from '../../src/cli/rest/rest-client.js';
import { connectTo } from '../../src/cli/rest/server-connection.js';
import {
  parseGrant,
  parseLife,
  tokenCreate,
  tokenList,
  tokenRevoke,
} from '../../src/cli/rest/token-commands.js';
import { noteApiUrl, openWorkDir } from '../../src/config/work-dir.js';
import { PidLock } from '../../src/util/pid-lock.js';
import { ApiWorld } from '../api/support/api-world.js';
import { makeAuth, OPERATOR_TOKEN } from '../api/support/auth.js';
import { record } from '../api/support/fakes.js';
import { temporaryFolder } from '../support/temporary-folder.js';

class Screen implements CommandIo {
  text = '';
  errors = '';
  readonly terminal = false;
  readonly interrupted = new AbortController().signal;
  out(text: string): void {
    this.text += `${text}\n`;
  }
  err(text: string): void {
    this.errors += `${text}\n`;
  }
  raw(text: string): void {
    this.text += text;
  }
  readText(): Promise<string> {
    return Promise.reject(new Error('no files here'));
  }
}

const json = false;
let world: ApiWorld;
let screen: Screen;
let admin: RestClient;
const clientWith = (secret: string): RestClient =>
  new RestClient({ url: world.url, authorization: `Bearer ${secret}` });

beforeEach(async () => {
  world = await new ApiWorld().start({ auth: await makeAuth() });
  admin = clientWith(OPERATOR_TOKEN);
  screen = new Screen();
});
afterEach(() => world.stop());

describe('longrun token', () => {
  const create = (name = 'ci'): Promise<number> =>
    tokenCreate(admin, screen, {
      name,
      grants: [{ right: 'deploy', path: '/shop' }],
      expiresInSeconds: 60,
      json,
    });

  it('create prints the secret alone, and it works', async () => {
    expect(await create()).toBe(0);
    const secret = screen.text.trim();
    expect(secret).toMatch(/^lr_[\w-]{43}$/);
    expect(screen.errors).toMatch(/ci: deploy:\/shop; expires 2026-01-01T00:01:00\.000Z\. .*only this once/);
    expect(await clientWith(secret).get('/v2/apps')).toEqual({ apps: [] });
  });

  it('list shows names and grants, and revoke takes a name', async () => {
    await create();
    const secret = screen.text.trim();
    screen.text = '';
    await tokenList(admin, screen, { json });
    expect(screen.text).toMatch(/NAME +GRANTS +EXPIRES +MADE\nci +deploy:\/shop +2026-01-01T00:01:00\.000Z/);
    expect(screen.text).not.toContain(secret);
    expect(await tokenRevoke(admin, screen, { name: 'ci', json })).toBe(0);
    await expect(clientWith(secret).get('/v2/apps')).rejects.toMatchObject({ status: 401 });
    await expect(tokenRevoke(admin, screen, { name: 'ci', json })).rejects.toThrow("there is no token 'ci'");
  });

  it('reads rights and lives as people write them', () => {
    expect(parseGrant('deploy:/shop')).toEqual({ right: 'deploy', path: '/shop' });
    expect(parseGrant('view')).toEqual({ right: 'view', path: '/' });
    expect(['90d', '12h', '30m', '45s', '45', 'x', '1w', '-1'].map(parseLife)).toEqual([
      7_776_000,
      43_200,
      1_800,
      45,
      45,
      undefined,
      undefined,
      undefined,
    ]);
  });

  it('without credentials says what to do', async () => {
    const run = (client: RestClient, io: CommandIo): Promise<number> => tokenList(client, io, { json });
    expect(await runRestCommand(world.url, screen, run)).toBe(1);
    expect(screen.errors).toMatch(/This server wants to know who asks[\s\S]*longrun token create/);
  });

  it('has examples in every help text', () => {
    const program = new Command();
    addAccessCommands(program);
    let help = '';
    for (const command of [...(program.commands[0]?.commands ?? []), ...program.commands.slice(1)]) {
      command.configureOutput({
        writeOut: (text) => {
          help += text;
        },
      });
      command.outputHelp();
      expect(help).toContain('Example');
      help = '';
    }
  });
});

describe('longrun audit', () => {
  const all = { lines: 50, who: undefined, app: undefined, after: undefined };

  it('shows who did what, as a table or one entry a line', async () => {
    await expect(new RestClient(world.url).ask('DELETE', '/v2/apps/x')).rejects.toMatchObject({
      status: 401,
    });
    world.registry.put(record('/x'));
    await admin.ask('PUT', '/v2/apps/x', { instances: 3 });
    await audit(admin, screen, { ...all, json });
    expect(screen.text).toMatch(/nobody +127\.0\.0\.1 +DELETE \/v2\/apps\/x +401/);
    expect(screen.text).toMatch(/operator +127\.0\.0\.1 +PUT \/v2\/apps\/x +200 +instances/);
    screen.text = '';
    await admin.ask(
      'PUT',
      '/v2/apps',
      ['/a', '/b', '/c', '/d'].map((id) => ({ id, cmd: 'sleep 100' })),
    );
    await audit(admin, screen, { ...all, json });
    expect(screen.text).toMatch(/PUT \/v2\/apps +200 +\/a \/b \/c and 1 more/);
    screen.text = '';
    await audit(admin, screen, { ...all, who: 'operator', json: true });
    expect(
      screen.text
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toMatchObject([{ seq: 2 }, { seq: 3 }]);
  });
});

describe('the credentials of a command', () => {
  let workDir: string;
  let lock: PidLock | undefined;

  beforeEach(() => {
    workDir = temporaryFolder('cli');
    openWorkDir(workDir);
    noteApiUrl(workDir, '127.0.0.1', world.port);
    lock = PidLock.take(join(workDir, 'run', 'server.lock'));
  });
  afterEach(() => lock?.release());

  it('are the work dir’s token for its own running server, which it finds by itself', () => {
    const { token } = openWorkDir(workDir);
    expect(connectTo({ workDir })).toEqual({ url: world.url, authorization: `Bearer ${token}` });
    expect(connectTo({ workDir, url: `${world.url}/` }).authorization).toBe(`Bearer ${token}`);
  });

  it('never leave for another address, nor for whoever took the place of a server that is gone', () => {
    expect(connectTo({ workDir, url: 'http://10.0.0.1:8080' })).toEqual({ url: 'http://10.0.0.1:8080' });
    expect(connectTo({ workDir, url: `http://127.0.0.1:${world.port + 1}` }).authorization).toBeUndefined();
    lock?.release();
    expect(connectTo({ workDir, url: world.url })).toEqual({ url: world.url });
    expect(connectTo({ workDir })).toEqual({ url: 'http://127.0.0.1:8080' });
  });

  it('are what was given before that: a token, or user and password in the URL', () => {
    expect(connectTo({ workDir, token: 'lr_x' }).authorization).toBe('Bearer lr_x');
    const { url, authorization } = connectTo({ workDir, url: 'http://ann:a%3Ab@h:1/' });
    expect([url, authorization]).toEqual(['http://h:1', `Basic ${btoa('ann:a:b')}`]);
  });

  it('are not shown back when the URL is none', () => {
    expect(() => connectTo({ workDir, url: 'ftp://ann:secret@h/' })).toThrow(
      /^(?!.*secret).*no http or https URL/,
    );
    expect(() => connectTo({ workDir, url: 'x' })).toThrow("'x' is no URL");
  });

  it('need no work dir at all', () => {
    const none = join(workDir, 'none');
    expect(connectTo({ workDir: none })).toEqual({ url: 'http://127.0.0.1:8080' });
    mkdirSync(join(none, 'run'), { recursive: true });
    writeFileSync(join(none, 'run', 'server.lock'), 'garbage');
    expect(connectTo({ workDir: none })).toEqual({ url: 'http://127.0.0.1:8080' });
  });
});
