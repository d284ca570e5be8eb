import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { waitFor } from '../support/wait-for.js';
import { runCommand } from './support/command.js';
import { Longrun } from './support/longrun.js';

const isRoot = process.getuid?.() === 0;
const first = 'first-value-7d0b1f';
const second = 'second-value-e94c2a';

/** Every file below a folder, links not followed, that holds one of the texts or its base64. */
function filesWith(folder: string, texts: readonly string[]): string[] {
  const wanted = texts.flatMap((text) => [text, Buffer.from(text).toString('base64').replace(/=+$/, '')]);
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => wanted.some((text) => readFileSync(path, 'latin1').includes(text)));
}

(isRoot ? describe : describe.skip)('a secret', () => {
  let longrun: Longrun;
  beforeAll(async () => {
    longrun = await Longrun.start();
  }, 60_000);
  afterAll(async () => longrun.destroy(), 40_000);

  const tasksEnvironment = (pid: number): string => readFileSync(`/proc/${pid}/environ`, 'utf8');
  const taskWith = (value: string): number | undefined =>
    longrun.taskPids().find((pid) => {
      try {
        return tasksEnvironment(pid).includes(`PASSWORD=${value}\0`);
      } catch {
        // It went meanwhile.
        return false;
      }
    });

  it('reaches its app as a variable and as a file, is renewed in both, and is nowhere else', async () => {
    const missing = { id: '/shop/web', cmd: 'sleep 1000', cpus: 0.01, mem: 32, disk: 0 };
    const secrets = { db: { source: '/shop/db' }, token: { source: 'token' } };
    const refused = await longrun.request('POST', '/v2/apps', { ...missing, secrets });
    expect(refused.status).toBe(422);
    expect(JSON.stringify(refused.body)).toContain('/secrets/db/source');

    const url = ['--url', longrun.ready.api];
    const file = join(longrun.workDir, '..', `${longrun.instanceId}.value`);
    for (const path of ['/shop/db', '/shop/token']) {
      writeFileSync(file, first, { mode: 0o600 });
      expect(runCommand(['secret', 'set', path, '--file', file, ...url])).toMatchObject({ status: 0 });
    }
    const events: string[] = [];
    const ended = new AbortController();
    const stream = await fetch(`${longrun.ready.api}/v2/events`, {
      headers: { accept: 'text/event-stream' },
      signal: ended.signal,
    });
    void (async () => {
      for await (const chunk of stream.body ?? []) events.push(Buffer.from(chunk).toString());
    })().catch(() => undefined);

    await longrun.deploy({
      ...missing,
      secrets,
      env: { PASSWORD: { secret: 'db' } },
      container: {
        type: 'MESOS',
        volumes: [{ containerPath: 'token', secret: 'token', refresh: true }],
      },
    });
    const pid = await waitFor(() => taskWith(first), { what: 'a task with the value' });
    const inTask = (...command: string[]): string =>
      spawnSync('nsenter', ['-t', String(pid), '-m', '-w', ...command], { encoding: 'utf8' }).stdout;
    expect(inTask('cat', 'token')).toBe(first);
    expect(inTask('stat', '-c', '%a', 'token').trim()).toBe('400');
    const inUse = await longrun.request('DELETE', '/v2/secrets/shop/db');
    expect(inUse.status).toBe(409);
    expect(inUse.body['apps']).toEqual(['/shop/web']);

    // A file that is refreshed: the same process sees the new value.
    writeFileSync(file, second, { mode: 0o600 });
    expect(runCommand(['secret', 'set', '/shop/token', '--file', file, ...url]).out).toContain('version 2');
    await waitFor(() => inTask('cat', 'token') === second, { what: 'the new value in the file' });
    expect(taskWith(first)).toBe(pid);

    const everywhere = ['/v2/apps/shop/web', '/v2/secrets', '/v2/audit', '/v2/tasks', '/v2/queue'];
    const answers = await Promise.all(
      everywhere.map(async (path) => JSON.stringify((await longrun.request('GET', path)).body)),
    );
    const states = await Promise.all(
      [
        `${longrun.ready.master}/state`,
        `${longrun.ready.agent}/state`,
        `${longrun.ready.agent}/containers`,
      ].map(async (each) => (await fetch(each)).text()),
    );
    expect(states[0]).toContain('/shop/token');

    // A variable: a new process has it, by a deployment of its own.
    expect(runCommand(['secret', 'set', '/shop/db', '--file', file, ...url]).err).toContain('/shop/web');
    await waitFor(() => taskWith(second) !== undefined && taskWith(first) === undefined, {
      what: 'a task with the new value, and none with the former one',
      timeoutMs: 40_000,
    });
    await longrun.settled('/shop/web');
    expect(runCommand(['secret', 'rotate-key', ...url]).out).toContain('2 secrets');
    expect(statSync(join(longrun.workDir, 'secrets.key')).mode & 0o777).toBe(0o600);

    const backup = join(longrun.workDir, 'copy');
    expect(runCommand(['backup', backup, '--work-dir', longrun.workDir])).toMatchObject({ status: 0 });
    ended.abort();
    const told = [...answers, ...states, ...events, ...longrun.output].join('\n');
    for (const value of [first, second]) {
      expect(told).not.toContain(value);
      expect(told).not.toContain(Buffer.from(value).toString('base64').replace(/=+$/, ''));
    }
    expect(events.join('')).toContain('/shop/web');
    rmSync(file);
    expect(filesWith(longrun.workDir, ['/shop/db'])).not.toEqual([]);
    expect(filesWith(longrun.workDir, [first, second])).toEqual([]);
  }, 150_000);
});
