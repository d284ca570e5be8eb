import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { App } from '../../src/apps/app.js';
import { waitFor } from '../support/wait-for.js';
import { AppWorld, root } from './support/app-world.js';

const example = (name: string): unknown => JSON.parse(readFileSync(join(root, 'examples', name), 'utf8'));

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  await new Promise((done) => server.close(done));
  return typeof address === 'object' && address ? address.port : 0;
}

const answer = async (port: number, path = '/'): Promise<string> =>
  (await fetch(`http://127.0.0.1:${port}${path}`)).text();
const answers = (port: number, path?: string): Promise<unknown> =>
  waitFor(async () => {
    try {
      return await answer(port, path);
    } catch {
      return undefined;
    }
  });

describe('the examples', () => {
  const running: ChildProcess[] = [];
  const run = (app: App, env: Record<string, string>): ChildProcess => {
    const child = spawn('/bin/sh', ['-c', app.cmd ?? ''], {
      cwd: tmpdir(),
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { PATH: process.env['PATH'], ...app.env, ...env },
    });
    running.push(child);
    return child;
  };
  afterEach(() => {
    for (const child of running.splice(0)) if (child.exitCode === null) child.kill('SIGKILL');
  });

  it('greet with the task’s id and end in peace on SIGTERM', async () => {
    const { app } = await new AppWorld().post(example('hello.json'));
    const port = await freePort();
    const child = run(app, { PORT: String(port), MESOS_TASK_ID: 'hello.instance-1._app.1' });
    await answers(port);
    expect(await answer(port)).toBe('Hello from hello.instance-1._app.1\n');
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([0, null]);
  });

  it('work without ports and end in peace on SIGTERM', async () => {
    const { app } = await new AppWorld().post(example('worker.json'));
    expect(app.portDefinitions).toEqual([]);
    const child = run(app, { MESOS_TASK_ID: 'worker.instance-1._app.1' });
    const [line] = (await once(child.stdout ?? child, 'data')) as [Buffer];
    expect(line.toString()).toBe('job 1 of worker.instance-1._app.1\n');
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([0, null]);
  });

  it('depend on each other as a bulk PUT, and one calls the other', async () => {
    const world = new AppWorld();
    await world.acceptLater(() =>
      world.changes.replaceApps(example('two-apps.json'), { partialUpdate: true }),
    );
    const [backend, frontend] = [world.get('/shop/backend').app, world.get('/shop/frontend').app];
    expect(frontend.dependencies).toEqual([backend.id]);
    expect(new URL(frontend.env['BACKEND_URL'] ?? '').port).toBe(String(backend.portDefinitions[0]?.port));
    const [backPort, frontPort] = [await freePort(), await freePort()];
    run(frontend, { PORT: String(frontPort), BACKEND_URL: `http://127.0.0.1:${backPort}/` });
    await answers(frontPort, '/health');
    expect(await answer(frontPort)).toMatch(/^no backend: /);
    run(backend, { PORT: String(backPort), MESOS_TASK_ID: 'back.1' });
    await answers(backPort);
    expect(await answer(frontPort)).toBe('The shop is open: 42 items in stock, says back.1\n');
  });

  it('are small enough that all of them restart side by side on one core', async () => {
    const world = new AppWorld();
    await world.post(example('hello.json'));
    await world.post(example('worker.json'));
    await world.acceptLater(() =>
      world.changes.replaceApps(example('two-apps.json'), { partialUpdate: true }),
    );
    const cpus = [...world.registry.all()].reduce(
      (sum, { app }) => sum + app.cpus * app.instances * (1 + app.upgradeStrategy.maximumOverCapacity),
      0,
    );
    expect(cpus).toBeLessThanOrEqual(1);
  });
});
