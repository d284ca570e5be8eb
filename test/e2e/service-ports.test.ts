import { createServer, type Server } from 'node:net';
import { waitFor } from '../support/wait-for.js';
import { ask } from './support/http.js';
import { type AppJson, Longrun, webApp } from './support/longrun.js';

interface ServedApp extends AppJson {
  readonly notServed?: readonly { readonly servicePort: number; readonly reason: string }[];
}

describe('service ports that cannot be had', () => {
  let longrun: Longrun;
  let stranger: Server | undefined;
  beforeAll(async () => {
    longrun = await Longrun.start();
  }, 40_000);
  afterAll(async () => {
    stranger?.close();
    await longrun.destroy();
  }, 40_000);

  const app = async (id: string): Promise<ServedApp> => (await longrun.app(id)) as ServedApp;
  const answers = async (port: number): Promise<string | undefined> =>
    (await ask(`http://127.0.0.1:${port}/`).catch(() => undefined))?.text;

  it('a port that another program holds is not served, with the reason on the app and the stats page, until it is free', async () => {
    const port = longrun.firstServicePort + 50;
    stranger = createServer((socket) => socket.destroy());
    const held = stranger;
    await new Promise<void>((listening) => held.listen(port, '127.0.0.1', listening));
    await longrun.deploy(webApp('/blocked', { portDefinitions: [{ port, name: 'http' }] }));
    const { reason } = await waitFor(
      async () => (await app('/blocked')).notServed?.find(({ servicePort }) => servicePort === port),
      { what: 'the reason on the app' },
    );
    expect(reason).toContain(String(port));
    const page = await waitFor(
      async () => {
        const { text } = await ask(longrun.ready.stats, { path: '/haproxy?stats' });
        return text.includes('not served') ? text : undefined;
      },
      { what: 'the reason on the stats page' },
    );
    expect(page).toContain(`port ${port}`);
    await new Promise((closed) => held.close(closed));
    stranger = undefined;
    const { tasks } = await app('/blocked');
    await waitFor(async () => (await answers(port)) === tasks[0]?.id, {
      timeoutMs: 20_000,
      what: 'the freed port to be served',
    });
    await waitFor(async () => (await app('/blocked')).notServed === undefined, { what: 'the reason to go' });
  }, 60_000);

  it('a task that demands the port wins it over the load balancer', async () => {
    // Within the agent's own ports, so that a task may demand it.
    const port = longrun.firstServicePort + 150;
    await longrun.deploy(webApp('/served', { portDefinitions: [{ port, name: 'http' }] }));
    const served = (await app('/served')).tasks[0]?.id;
    await waitFor(async () => (await answers(port)) === served, { what: 'the service port to be served' });
    await longrun.deploy(
      webApp('/demanding', {
        portDefinitions: [{ port, name: 'http' }],
        requirePorts: true,
        backoffSeconds: 1,
      }),
    );
    const demanding = await app('/demanding');
    expect(demanding.tasks[0]?.ports).toEqual([port]);
    await waitFor(async () => (await answers(port)) === demanding.tasks[0]?.id, {
      what: 'the task to answer on its port',
    });
    const lost = await waitFor(
      async () => (await app('/served')).notServed?.find(({ servicePort }) => servicePort === port),
      { what: 'the reason on the app that lost it' },
    );
    expect(lost.reason).toContain('/demanding');
    expect((await longrun.request('DELETE', '/v2/apps/demanding')).status).toBe(200);
    await waitFor(async () => (await answers(port)) === served, {
      timeoutMs: 20_000,
      what: 'the load balancer to have the port back',
    });
  }, 60_000);
});
