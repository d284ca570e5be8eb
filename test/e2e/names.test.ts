import { spawnSync } from 'node:child_process';
import { Resolver } from 'node:dns/promises';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { waitFor } from '../support/wait-for.js';
import { ask } from './support/http.js';
import { Longrun, webApp } from './support/longrun.js';

const hasDig = spawnSync('dig', ['-v']).error === undefined;

describe('services by name', () => {
  let longrun: Longrun;
  let resolver: Resolver;
  beforeAll(async () => {
    longrun = await Longrun.start();
    resolver = new Resolver({ timeout: 3_000, tries: 4 });
    resolver.setServers([`127.0.0.1:${new URL(longrun.ready.dns).port}`]);
    await longrun.deploy(
      webApp('/shop/cart', { instances: 2, portDefinitions: [{ port: 0, name: 'http' }] }),
    );
  }, 60_000);
  afterAll(() => longrun.destroy(), 40_000);

  const ports = async (): Promise<number[]> =>
    (await resolver.resolveSrv('_http._cart.shop._tcp.marathon.mesos').catch(() => []))
      .map(({ port }) => port)
      .sort((a, b) => a - b);
  const taskPorts = async (): Promise<number[]> =>
    ((await longrun.app('/shop/cart'))?.tasks ?? []).flatMap((task) => task.ports).sort((a, b) => a - b);

  it('are where their healthy instances are, and follow a scale', async () => {
    const wanted = await taskPorts();
    expect(wanted).toHaveLength(2);
    await waitFor(async () => String(await ports()) === String(wanted), { what: 'both to have names' });
    expect(await resolver.resolve4('cart.shop.marathon.mesos')).toEqual(['127.0.0.1']);
    await longrun.request('PATCH', '/v2/apps//shop/cart', { instances: 1 });
    await waitFor(async () => (await ports()).length === 1, { what: 'one to lose its name' });
  }, 30_000);

  (hasDig ? it : it.skip)('are read by dig', () => {
    const { port } = new URL(longrun.ready.dns);
    const dig = (...question: string[]): string =>
      spawnSync('dig', ['@127.0.0.1', '-p', port, '+short', '+time=2', ...question], { encoding: 'utf8' })
        .stdout;
    expect(dig('cart.shop.marathon.mesos', 'A')).toBe('127.0.0.1\n');
    expect(dig('+tcp', '_cart.shop._tcp.marathon.mesos', 'SRV')).toMatch(
      /^0 1 \d+ cart-shop-[a-z0-9]{5}-s0\.marathon\.mesos\.\n$/,
    );
    expect(dig('leader.mesos', 'A')).toBe('127.0.0.1\n');
  });

  it('are told over HTTP, too', async () => {
    const { text } = await ask(`${longrun.ready.names}/v1/services/_cart.shop._tcp.marathon.mesos`);
    expect(JSON.parse(text)).toEqual([
      expect.objectContaining({ ip: '127.0.0.1', port: String((await ports())[0]) }),
    ]);
  });

  it('stay while the server is away, and after the name server itself was killed meanwhile', async () => {
    const [before] = await ports();
    const cached = (): string => readFileSync(join(longrun.workDir, 'proxy/names.json'), 'utf8');
    await waitFor(
      () =>
        cached()
          .match(/"number":\d+/g)
          ?.join() === `"number":${before}`,
      {
        what: 'the names on disk to be those of now',
      },
    );
    process.kill(longrun.ready.pids.server, 'SIGSTOP');
    try {
      expect(await ports()).toEqual([before]);
      const [worker] = longrun.ready.pids.proxy;
      process.kill(worker ?? 0, 'SIGKILL');
      await waitFor(async () => (await ports()).length === 1, { what: 'the next worker to serve names' });
      expect(await ports()).toEqual([before]);
    } finally {
      process.kill(longrun.ready.pids.server, 'SIGCONT');
    }
  }, 30_000);
});
