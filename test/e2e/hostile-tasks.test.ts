import { waitFor } from '../support/wait-for.js';
import { ask } from './support/http.js';
import { type AppJson, Longrun, webApp } from './support/longrun.js';
import { commandOf, livePids } from './support/parts.js';

/** Proof 4 of the first slice. These need cgroups of their own, so root. */
const asRoot = process.getuid?.() === 0 ? describe : describe.skip;

interface FailedApp extends AppJson {
  readonly lastTaskFailure?: { readonly message: string; readonly state: string };
}

asRoot('hostile tasks', () => {
  let longrun: Longrun;
  beforeAll(async () => {
    longrun = await Longrun.start();
    await longrun.deploy(
      webApp('/neighbour', { labels: { HAPROXY_0_VHOST: 'neighbour.test', HAPROXY_GROUP: 'external' } }),
    );
  }, 60_000);
  afterAll(async () => longrun.destroy(), 60_000);

  const plain = (id: string, cmd: string, more: Record<string, unknown> = {}): Record<string, unknown> => ({
    id,
    cmd,
    cpus: 0.05,
    mem: 32,
    portDefinitions: [],
    backoffSeconds: 60,
    taskKillGracePeriodSeconds: 1,
    ...more,
  });
  const failureOf = (id: string): Promise<NonNullable<FailedApp['lastTaskFailure']>> =>
    waitFor(
      async () =>
        (await longrun.request<{ app: FailedApp }>('GET', `/v2/apps${id}?embed=app.lastTaskFailure`)).body.app
          .lastTaskFailure,
      { timeoutMs: 25_000, what: `${id} to fail` },
    );
  const remove = async (id: string): Promise<void> => {
    await longrun.request('DELETE', `/v2/apps${id}?force=true`);
    await waitFor(async () => (await longrun.request('GET', `/v2/apps${id}`)).status === 404, {
      timeoutMs: 20_000,
      what: `${id} to be gone`,
    });
  };
  /** Milliseconds of one answer of the neighbour through the load balancer, the median of many. */
  const latencyMs = async (requests = 60): Promise<number> => {
    const took: number[] = [];
    for (let i = 0; i < requests; i++) {
      const started = performance.now();
      expect((await ask(longrun.ready.lb, { host: 'neighbour.test' })).status).toBe(200);
      took.push(performance.now() - started);
    }
    return took.sort((a, b) => a - b)[Math.floor(took.length / 2)] ?? 0;
  };
  const running = (mark: string): number[] => livePids().filter((pid) => commandOf(pid).includes(mark));

  it.each([
    [
      "a child of the task's shell",
      `${process.execPath} -e 'const held = []; setInterval(() => held.push(Buffer.alloc(4e6, 1)), 5)'; exit $?`,
    ],
    [
      'files in memory (tmpfs)',
      'f=/dev/shm/longrun-hog-$$; trap "rm -f $f" EXIT; dd if=/dev/zero of=$f bs=1M count=400; rm -f $f; exit 1',
    ],
  ])(
    'a memory hog in %s ends as out of memory, by the kernel’s own count',
    async (what, cmd) => {
      const id = `/hog-${what.startsWith('a child') ? 'child' : 'tmpfs'}`;
      await longrun.request('POST', '/v2/apps', plain(id, cmd, { mem: 48 }));
      const { message } = await failureOf(id);
      expect(message).toContain('Memory limit exceeded');
      await remove(id);
    },
    60_000,
  );

  it('a fork bomb is bounded, leaves the neighbour answering, and is gone after a kill', async () => {
    const quietMs = await latencyMs();
    const mark = `bomb-${process.pid}`;
    await longrun.request(
      'POST',
      '/v2/apps',
      plain('/bomb', `: ${mark}; b() { sh -c ": ${mark}; sleep 30" & b; }; b; sleep 1000`),
    );
    await waitFor(() => running(mark).length > 20, { what: 'the bomb to go off' });
    const loudMs = await latencyMs();
    process.stdout.write(
      `neighbour's median latency: ${quietMs.toFixed(1)} ms, beside a fork bomb ${loudMs.toFixed(1)} ms (${(loudMs / quietMs).toFixed(1)} x)\n`,
    );
    await remove('/bomb');
    await waitFor(() => running(mark).length === 0, {
      timeoutMs: 10_000,
      what: () => `the bomb's ${running(mark).length} processes to be gone`,
    });
  }, 60_000);

  it('one that ignores SIGTERM is gone after its grace', async () => {
    const mark = `deaf-${process.pid}`;
    await longrun.deploy(plain('/deaf', `trap '' TERM; : ${mark}; while :; do sleep 1; done`));
    await waitFor(() => running(mark).length > 0);
    await remove('/deaf');
    await waitFor(() => running(mark).length === 0, { timeoutMs: 10_000, what: 'it to be gone' });
  }, 40_000);

  it('children that escape by setsid and double fork are gone after a kill', async () => {
    const seconds = 100_000 + process.pid;
    await longrun.deploy(
      plain('/escaper', `setsid sh -c 'setsid sleep ${seconds} & exit 0'; exec sleep 1000`),
    );
    await waitFor(() => running(`sleep ${seconds}`).some((pid) => commandOf(pid) === `sleep ${seconds}`), {
      what: 'the escape',
    });
    await remove('/escaper');
    await waitFor(() => !running(`sleep ${seconds}`).some((pid) => commandOf(pid) === `sleep ${seconds}`), {
      timeoutMs: 10_000,
      what: 'the escaped to be gone',
    });
  }, 40_000);

  it('leaves no cgroup but the neighbour’s behind', async () => {
    await waitFor(() => longrun.containerGroups().size === 1, {
      timeoutMs: 10_000,
      what: () => `other groups to go: ${[...longrun.containerGroups().keys()].join(', ')}`,
    });
    expect([...longrun.containerGroups().values()].flatMap((pids) => [...pids])).toEqual(longrun.taskPids());
  }, 20_000);
});
