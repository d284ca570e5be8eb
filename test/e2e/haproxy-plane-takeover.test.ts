import { existsSync } from 'node:fs';
import { waitFor } from '../support/wait-for.js';
import { Load, stopLoads } from './support/load.js';
import { Longrun, webApp } from './support/longrun.js';
import { commandOf, livePids } from './support/parts.js';
import { type Refusals, RefusalWatch } from './support/refusals.js';

const found = ['/usr/sbin/haproxy', '/usr/local/sbin/haproxy', '/usr/bin/haproxy'].some((path) =>
  existsSync(path),
);
const withHaproxy = found ? describe : describe.skip;
const HOST = 'web.test';
/** Between two planes nobody can hand the listening sockets over: one closes them, then the other opens its own. */
const LONGEST_SWITCH_MS = 5_000;

withHaproxy('HAProxy and the next `up`', () => {
  let longrun: Longrun;
  beforeAll(async () => {
    longrun = await Longrun.start('--lb', 'haproxy');
    await longrun.deploy(
      webApp('/web', {
        instances: 2,
        env: { APP_VERSION: '0', DIE_AT_ONCE: '1' },
        labels: { HAPROXY_0_VHOST: HOST, HAPROXY_GROUP: 'external' },
        loadBalancer: { drainSeconds: 3 },
      }),
    );
  }, 60_000);
  afterEach(stopLoads);
  afterAll(async () => longrun.destroy(), 60_000);

  /** HAProxy's processes of this work dir. */
  const haproxies = (): readonly number[] => {
    const own = new Set(longrun.ownPids());
    return livePids().filter(
      (pid) => own.has(pid) && /haproxy -W/.test(commandOf(pid).replaceAll('\0', ' ')),
    );
  };
  const kill = async (pids: readonly number[], signal: NodeJS.Signals): Promise<void> => {
    for (const pid of pids) process.kill(pid, signal);
    await waitFor(() => longrun.process.exitCode !== null || longrun.process.signalCode !== null, {
      timeoutMs: 20_000,
      what: 'up to end',
    });
  };
  const comeBack = async (plane: string): Promise<void> => {
    await longrun.up({ flags: ['--lb', plane] });
    await waitFor(async () => (await longrun.app('/web'))?.tasksHealthy === 2, {
      timeoutMs: 30_000,
      what: 'the instances to be known again',
    });
  };
  const deploy = async (version: string): Promise<void> => {
    const env = { APP_VERSION: version, DIE_AT_ONCE: '1' };
    const { status, body } = await longrun.request('PATCH', '/v2/apps/web', { env });
    if (status !== 200) throw new Error(`PATCH answered ${status}: ${JSON.stringify(body)}`);
    await longrun.settled('/web', 60_000);
  };
  const watched = async (what: string, act: () => Promise<void>): Promise<Refusals> => {
    const watch = new RefusalWatch(longrun.ready.lb, HOST);
    try {
      await waitFor(() => watch.tried > 20, { timeoutMs: 20_000 });
      await act();
      const seen = watch.tried;
      await waitFor(() => watch.tried > seen + 20, { timeoutMs: 30_000 });
    } finally {
      // Also after a failure: a watch that goes on would keep this process alive.
      await watch.stop();
    }
    const refusals = await watch.stop();
    process.stdout.write(`${what}: ${JSON.stringify(refusals)}\n`);
    return refusals;
  };

  it.each([
    ['up', () => [longrun.ready.pids.parent]],
    [
      'everything but HAProxy and the tasks',
      () => {
        const { parent, server, agent, proxy } = longrun.ready.pids;
        return [parent, server, agent, ...proxy];
      },
    ],
  ] as const)(
    'serves on when %s is killed, and is taken over without a refused connection or a failed request',
    async (what, pids) => {
      const before = haproxies();
      const load = new Load({ url: longrun.ready.lb, host: HOST });
      await waitFor(() => load.sent > 50);
      const { refused, broken } = await watched(what, async () => {
        await kill(pids(), 'SIGKILL');
        const seen = load.sent;
        await waitFor(() => load.sent > seen + 50);
        await comeBack('haproxy');
        await deploy(what);
      });
      const { failures } = await load.stop();
      expect({ refused, broken, failures }).toEqual({ refused: 0, broken: 0, failures: [] });
      expect(haproxies().filter((pid) => before.includes(pid)).length).toBeGreaterThan(0);
      // Whoever connects on its way out would be waited for as long as a proxy that is cut off.
      expect(longrun.output.join('')).not.toMatch(/a proxy is silent.*proxy=""/);
    },
    120_000,
  );

  it('makes room for the built-in load balancer and takes its place again, with a short gap each time', async () => {
    const toBuiltin = await watched('haproxy to builtin', async () => {
      await kill([longrun.ready.pids.parent], 'SIGTERM');
      await comeBack('builtin');
    });
    await deploy('builtin');
    await waitFor(() => haproxies().length === 0, {
      timeoutMs: 30_000,
      what: () => `HAProxy to end, but ${haproxies()} live`,
    });
    const toHaproxy = await watched('builtin to haproxy', async () => {
      await kill([longrun.ready.pids.parent], 'SIGTERM');
      await comeBack('haproxy');
    });
    await deploy('haproxy');
    expect(haproxies()).not.toEqual([]);
    expect(toBuiltin.longestGapMs).toBeLessThan(LONGEST_SWITCH_MS);
    expect(toHaproxy.longestGapMs).toBeLessThan(LONGEST_SWITCH_MS);
  }, 120_000);

  it('makes room for the built-in load balancer, too, when nobody is beside it any more', async () => {
    const { longestGapMs } = await watched('HAProxy alone to builtin', async () => {
      await kill([longrun.ready.pids.parent, ...longrun.ready.pids.proxy], 'SIGKILL');
      await comeBack('builtin');
    });
    await deploy('builtin after all');
    await waitFor(() => haproxies().length === 0, {
      timeoutMs: 30_000,
      what: () => `HAProxy to end, but ${haproxies()} live`,
    });
    expect(longestGapMs).toBeLessThan(LONGEST_SWITCH_MS);
  }, 120_000);
});
