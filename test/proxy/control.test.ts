import fc from 'fast-check';
import { silentLog } from '../../src/logging/log.js';
import { ProxyControl, type ProxyControlOptions } from '../../src/proxy/control.js';
import type { AgentId, Instance } from '../../src/scheduler/instance.js';
import { ProcessClock } from '../../src/simulation/process-clock.js';
import { timestamp } from '../../src/util/timestamp.js';
import { VirtualClock } from '../../src/util/virtual-clock.js';
import { FakeProxy, httpCheck, instance, record, World } from './world.js';

const agent = 'agent-1' as AgentId;
const web = '/web:10000';

class Scene {
  readonly clock = new VirtualClock();
  readonly world = new World();
  readonly control: ProxyControl;
  readonly bootIds = new Map<AgentId, string>([[agent, 'boot-1']]);

  constructor(over: Partial<ProxyControlOptions> = {}) {
    this.control = new ProxyControl({
      registry: this.world.registry,
      instances: this.world.instances,
      bootId: (agentId) => this.bootIds.get(agentId),
      epoch: 7,
      clock: this.clock,
      log: silentLog,
      memory: { load: () => [], save: () => undefined },
      ...over,
    });
  }

  proxy(id: string): FakeProxy {
    const proxy = new FakeProxy(id);
    this.control.acceptLine(proxy);
    proxy.greet();
    return proxy;
  }

  async pass(ms: number): Promise<void> {
    await this.clock.advanceAsync(ms);
  }

  takeOut(out: Instance): {
    result: () => { inFlight: number; waitedMs: number } | undefined;
    abort: () => void;
  } {
    this.world.put({ ...out, takingOut: { reason: 'scale down', since: timestamp(0), phase: 'draining' } });
    const abort = new AbortController();
    let result: { inFlight: number; waitedMs: number } | undefined;
    void this.control.drain(out, abort.signal).then((drained) => {
      result = drained;
    });
    return { result: () => result, abort: () => abort.abort() };
  }
}

/** One web app with two instances, everything started, two proxies that have confirmed. */
function usual(over: Partial<ProxyControlOptions> = {}): {
  scene: Scene;
  a: FakeProxy;
  b: FakeProxy;
  one: Instance;
  two: Instance;
} {
  const scene = new Scene(over);
  const one = instance('/web', 'one', 31_000);
  const two = instance('/web', 'two', 31_010);
  scene.world.want(record({ id: '/web', labels: { HAPROXY_0_VHOST: 'web.test' } }));
  scene.world.put(one);
  scene.world.put(two);
  scene.control.start();
  return { scene, a: scene.proxy('a'), b: scene.proxy('b'), one, two };
}

describe('the table', () => {
  it('is given whole to a proxy that says hello, then in changes that follow each other', async () => {
    const { scene, a } = usual();
    expect(a.tasks(web)).toEqual(['one._app.1', 'two._app.1']);
    scene.world.put(instance('/web', 'three', 31_020));
    scene.world.want(record({ id: '/other', portDefinitions: [{ port: 10_001, protocol: 'tcp' }] }));
    await scene.pass(5);
    expect(a.tasks(web)).toHaveLength(3);
    expect(a.table.services['/other:10001']?.mode).toBe('tcp');
    expect(a.sent.filter(({ type }) => type === 'SNAPSHOT')).toHaveLength(1);
    expect(a.gaps).toBe(0);
  });

  it('collects the changes of a moment into one', async () => {
    const { scene, a } = usual();
    for (let i = 0; i < 50; i++) scene.world.put(instance('/web', `more-${i}`, 32_000 + i));
    await scene.pass(5);
    expect(a.sent.filter(({ type }) => type === 'DELTA')).toHaveLength(1);
    expect(a.tasks(web)).toHaveLength(52);
  });

  it('tells proxies that understand it only which servers came and went', async () => {
    const { scene, a, b } = usual();
    for (let i = 0; i < 10; i++) scene.world.put(instance('/web', `more-${i}`, 32_000 + i));
    await scene.pass(5);
    b.say({ type: 'HELLO', proxyId: 'b', pid: 1, bootId: 'boot', host: 'node.test', patches: true });
    scene.world.put(instance('/web', 'last', 33_000));
    await scene.pass(5);
    const [whole, patched] = [a, b].map(({ sent }) => sent.at(-1));
    expect(whole).toMatchObject({ type: 'DELTA', delta: { services: { [web]: {} } } });
    expect(patched).toMatchObject({
      type: 'DELTA',
      delta: { services: {}, patches: { [web]: { gone: [] } } },
    });
  });

  it('does not change when nothing about a service did', async () => {
    const { scene, a, one } = usual();
    const before = a.table.version;
    scene.world.put({ ...one, since: timestamp(99) });
    await scene.pass(5);
    expect(a.table.version).toBe(before);
  });

  it('is not pushed before the server has loaded its instances', async () => {
    const scene = new Scene();
    const early = scene.proxy('early');
    scene.world.want(record({ id: '/web' }));
    await scene.pass(1_000);
    expect(early.sent.filter(({ type }) => type === 'SNAPSHOT')).toHaveLength(0);
    scene.world.put(instance('/web', 'one', 31_000));
    scene.control.start();
    expect(early.tasks(web)).toEqual(['one._app.1']);
    expect(early.table.epoch).toBe(7);
  });

  it('gets boot ids when their agents become known', async () => {
    const scene = new Scene();
    scene.bootIds.clear();
    scene.world.want(record({ id: '/web' }));
    scene.world.put(instance('/web', 'one', 31_000));
    scene.control.start();
    const proxy = scene.proxy('a');
    expect(proxy.table.services[web]?.servers[0]?.bootId).toBe('');
    scene.bootIds.set(agent, 'boot-2');
    scene.control.agentKnown(agent);
    await scene.pass(5);
    expect(proxy.table.services[web]?.servers[0]?.bootId).toBe('boot-2');
  });

  it('whatever happens, deltas lead every proxy to exactly the table of the server', async () => {
    const change = fc.record({
      app: fc.integer({ min: 0, max: 2 }),
      instance: fc.integer({ min: 0, max: 3 }),
      what: fc.constantFrom('up', 'down', 'gone', 'unwant', 'want', 'hello', 'demand'),
      port: fc.integer({ min: 0, max: 1 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(change, { maxLength: 60 }), async (changes) => {
        const scene = new Scene();
        scene.control.start();
        const proxy = scene.proxy('a');
        const versions = [proxy.table.version];
        for (const { app, instance: number, what, port } of changes) {
          const id = `/app-${app}`;
          const one = instance(id, `${app}-${number}`, 31_000 + 10 * number);
          if (what === 'up') scene.world.put(one);
          else if (what === 'down') scene.world.put({ ...one, condition: 'Failed' });
          else if (what === 'gone') scene.world.forget(one);
          else if (what === 'unwant') scene.world.unwant(id);
          else if (what === 'hello') proxy.greet();
          else
            scene.world.want(
              record({
                id,
                requirePorts: what === 'demand',
                portDefinitions: [{ port: 10_000 + port, protocol: 'tcp' }],
              }),
            );
          if (number === 0) await scene.pass(5);
          versions.push(proxy.table.version);
        }
        await scene.pass(5);
        expect(proxy.gaps).toBe(0);
        expect(proxy.table).toEqual(scene.control.table());
        expect(versions).toEqual([...versions].sort((x, y) => x - y));
        // A service port is bound for one app at most.
        const bound = Object.values(proxy.table.services)
          .filter(({ bindPort }) => bindPort)
          .map(({ servicePort }) => servicePort);
        expect(new Set(bound).size).toBe(bound.length);
        scene.control.stop();
      }),
      { numRuns: 60 },
    );
  });
});

describe('taking an instance out', () => {
  it('waits until every proxy has confirmed and nothing is in flight', async () => {
    const { scene, a, b, one } = usual();
    b.prompt = false;
    const drain = scene.takeOut(one);
    await scene.pass(5);
    expect(a.tasks(web)).toEqual(['two._app.1']);
    expect(drain.result()).toBeUndefined();
    b.inFlight(one.task?.id, 2);
    b.ack();
    await scene.pass(5);
    expect(drain.result()).toBeUndefined();
    b.inFlight(one.task?.id, 1);
    await scene.pass(1_000);
    expect(drain.result()).toBeUndefined();
    b.inFlight(one.task?.id, 0);
    await scene.pass(0);
    expect(drain.result()?.inFlight).toBe(0);
  });

  it('is at once when every proxy confirms at once', async () => {
    const { scene, one } = usual();
    const drain = scene.takeOut(one);
    await scene.pass(5);
    expect(drain.result()).toEqual({ inFlight: 0, waitedMs: expect.any(Number) });
    expect(drain.result()?.waitedMs).toBeLessThan(5);
  });

  it('ends at the limit of the app, counted from when all had confirmed', async () => {
    const { scene, a, b, one } = usual();
    scene.world.want(
      record({ id: '/web', labels: { HAPROXY_0_VHOST: 'web.test' }, loadBalancer: { drainSeconds: 20 } }),
    );
    await scene.pass(5);
    b.prompt = false;
    const drain = scene.takeOut(one);
    a.inFlight(one.task?.id, 1);
    await scene.pass(3_000);
    a.say({ type: 'LEASE' });
    b.ack();
    for (let i = 0; i < 6; i++) {
      await scene.pass(3_000);
      a.say({ type: 'LEASE' });
      b.say({ type: 'LEASE' });
    }
    expect(drain.result()).toBeUndefined();
    await scene.pass(2_100);
    expect(drain.result()).toEqual({ inFlight: 1, waitedMs: 23_000 });
  });

  it('that goes on after a restart of the server keeps the limit of the app', async () => {
    const scene = new Scene({ memory: { load: () => ['a'], save: () => undefined } });
    scene.world.want(
      record({ id: '/web', labels: { HAPROXY_0_VHOST: 'web.test' }, loadBalancer: { drainSeconds: 3 } }),
    );
    const one = instance('/web', 'one', 31_000);
    const drain = scene.takeOut(one);
    scene.control.start();
    const proxy = new FakeProxy('a');
    proxy.prompt = false;
    scene.control.acceptLine(proxy);
    proxy.greet();
    proxy.inFlight(one.task?.id, 1);
    proxy.ack();
    await scene.pass(2_900);
    expect(drain.result()).toBeUndefined();
    await scene.pass(200);
    expect(drain.result()?.inFlight).toBe(1);
  });

  it('that goes on after a restart lasts at most 10 s for an app that speaks plain TCP', async () => {
    const scene = new Scene({ memory: { load: () => ['a'], save: () => undefined } });
    scene.world.want(record({ id: '/web' }));
    const one = instance('/web', 'one', 31_000);
    const drain = scene.takeOut(one);
    scene.control.start();
    const proxy = new FakeProxy('a');
    proxy.prompt = false;
    scene.control.acceptLine(proxy);
    proxy.greet();
    proxy.inFlight(one.task?.id, 1);
    proxy.ack();
    for (let second = 0; second < 9; second++) {
      await scene.pass(1_000);
      proxy.say({ type: 'LEASE' });
    }
    expect(drain.result()).toBeUndefined();
    await scene.pass(1_100);
    expect(drain.result()?.inFlight).toBe(1);
  });

  it('goes on after this server itself stood still: its proxies were not silent, it did not listen', async () => {
    const world = new VirtualClock();
    const process = new ProcessClock(world, 0);
    const { scene, b, one } = usual({ clock: process });
    b.prompt = false;
    const drain = scene.takeOut(one);
    await world.advanceAsync(3_000);
    process.stop();
    await world.advanceAsync(30_000);
    process.goOn();
    await world.advanceAsync(0);
    expect(drain.result()).toBeUndefined();
    b.ack();
    await world.advanceAsync(5);
    expect(drain.result()?.inFlight).toBe(0);
  });

  it('does not wait for a line on which nobody says who it is, and ends it after a lease', async () => {
    const { scene, one } = usual();
    const nobody = new FakeProxy('');
    scene.control.acceptLine(nobody);
    const drain = scene.takeOut(one);
    await scene.pass(5);
    expect(drain.result()?.inFlight).toBe(0);
    await scene.pass(20_000);
    expect(nobody.connected).toBe(false);
    expect(scene.control.stats().map(({ proxyId }) => proxyId)).not.toContain('');
  });

  it('does not wait for a proxy whose lease ran out', async () => {
    const { scene, a, b, one } = usual();
    b.prompt = false;
    const drain = scene.takeOut(one);
    for (let i = 0; i < 9; i++) {
      await scene.pass(1_000);
      a.say({ type: 'LEASE' });
    }
    expect(drain.result()).toBeUndefined();
    await scene.pass(1_600);
    expect(drain.result()?.inFlight).toBe(0);
    expect(scene.control.stats().find(({ proxyId }) => proxyId === 'b')?.leased).toBe(false);
  });

  it('does not wait for a proxy that said goodbye, or whose successor is there', async () => {
    const { scene, a, b, one, two } = usual();
    a.prompt = false;
    b.prompt = false;
    const first = scene.takeOut(one);
    await scene.pass(5);
    a.say({ type: 'GOODBYE' });
    const successor = scene.proxy('b');
    await scene.pass(5);
    expect(successor.tasks(web)).toEqual(['two._app.1']);
    expect(first.result()).toBeDefined();
    const second = scene.takeOut(two);
    await scene.pass(5);
    expect(second.result()).toBeDefined();
  });

  it('ends when it is aborted', async () => {
    const { scene, a, one } = usual();
    a.prompt = false;
    const drain = scene.takeOut(one);
    await scene.pass(100);
    drain.abort();
    await scene.pass(0);
    expect(drain.result()).toEqual({ inFlight: 0, waitedMs: 100 });
  });

  it('takes no time without proxies, and for a task that was never routed', async () => {
    const scene = new Scene();
    scene.world.want(record({ id: '/web' }));
    const one = instance('/web', 'one', 31_000);
    scene.world.put(one);
    const unseen = instance('/web', 'two', 31_010, { condition: 'Staging' });
    scene.world.put(unseen);
    scene.control.start();
    const drains = [scene.takeOut(one), scene.takeOut(unseen)];
    await scene.pass(5);
    for (const drain of drains) expect(drain.result()?.waitedMs).toBeLessThan(5);
  });

  it('keeps the limit of an app that is deleted meanwhile', async () => {
    const { scene, a, one } = usual();
    scene.world.unwant('/web');
    const drain = scene.takeOut(one);
    a.inFlight(one.task?.id, 1);
    await scene.pass(2_000);
    expect(drain.result()).toBeUndefined();
    a.inFlight(one.task?.id, 0);
    await scene.pass(0);
    expect(drain.result()?.inFlight).toBe(0);
  });

  it('waits after a restart of the server for the proxies of before, a lease at most', async () => {
    const remembered: string[][] = [];
    const scene = new Scene({
      memory: { load: () => ['a', 'b'], save: (ids) => void remembered.push([...ids]) },
    });
    const one = instance('/web', 'one', 31_000);
    const two = instance('/web', 'two', 31_010);
    scene.world.want(record({ id: '/web' }));
    scene.world.put(one);
    scene.world.put(two);
    scene.control.start();
    const first = scene.takeOut(one);
    await scene.pass(1_000);
    scene.proxy('a');
    await scene.pass(1_000);
    expect(first.result()).toBeUndefined();
    expect(remembered.at(-1)?.sort()).toEqual(['a', 'b']);
    const b = scene.proxy('b');
    await scene.pass(5);
    expect(b.tasks(web)).toEqual(['two._app.1']);
    expect(first.result()).toBeDefined();

    const alone = new Scene({ memory: { load: () => ['gone'], save: () => undefined } });
    alone.world.want(record({ id: '/web' }));
    alone.world.put(one);
    alone.control.start();
    const drain = alone.takeOut(one);
    await alone.pass(9_900);
    expect(drain.result()).toBeUndefined();
    await alone.pass(200);
    expect(drain.result()).toBeDefined();
  });

  it('always ends, whatever the proxies do', async () => {
    const { scene, a, b, one } = usual();
    a.prompt = false;
    b.prompt = false;
    const drain = scene.takeOut(one);
    for (let i = 0; i < 50; i++) {
      await scene.pass(1_000);
      a.inFlight(one.task?.id, 1 + i);
      b.say({ type: 'LEASE' });
    }
    expect(drain.result()?.waitedMs).toBeLessThanOrEqual(45_000);
  });
});

describe('a freed host port', () => {
  it('rests until every leased proxy has confirmed, 30 s at most', async () => {
    const { scene, a, b, one } = usual();
    b.prompt = false;
    scene.world.forget(one);
    expect(scene.control.portResting(agent, 31_000)).toBe(true);
    expect(scene.control.portResting(agent, 31_010)).toBe(false);
    await scene.pass(1_000);
    expect(scene.control.portResting(agent, 31_000)).toBe(true);
    b.ack();
    expect(scene.control.portResting(agent, 31_000)).toBe(false);

    scene.world.forget(instance('/web', 'two', 31_010));
    for (let i = 0; i < 29; i++) {
      await scene.pass(1_000);
      a.say({ type: 'LEASE' });
      b.say({ type: 'LEASE' });
    }
    expect(scene.control.portResting(agent, 31_010)).toBe(true);
    await scene.pass(1_100);
    expect(scene.control.portResting(agent, 31_010)).toBe(false);
  });

  it('does not rest without proxies', () => {
    const scene = new Scene();
    scene.world.want(record({ id: '/web' }));
    const one = instance('/web', 'one', 31_000);
    scene.world.put(one);
    scene.control.start();
    scene.world.forget(one);
    expect(scene.control.portResting(agent, 31_000)).toBe(false);
  });
});

describe('service ports that are not served', () => {
  it('are named with the reason, by the table and by proxies', async () => {
    const { scene, a } = usual();
    scene.world.want(
      record({
        id: '/demanding',
        requirePorts: true,
        healthChecks: [httpCheck],
        portDefinitions: [{ port: 10_050, protocol: 'tcp' }],
      }),
    );
    scene.world.want(record({ id: '/second', portDefinitions: [{ port: 10_000, protocol: 'tcp' }] }));
    a.say({ type: 'NOT_SERVED', ports: { 10000: 'port 10000 is taken by nginx (pid 5)' } });
    await scene.pass(5);
    expect(scene.control.notServed('/web' as never)).toEqual([
      { port: 10_000, reason: 'port 10000 is taken by nginx (pid 5) (proxy on node.test)' },
    ]);
    a.say({ type: 'NOT_SERVED', ports: {}, inPart: { 10000: 'its labels are left out: nonsense' } });
    await scene.pass(5);
    expect(scene.control.notServed('/web' as never)).toEqual([]);
    expect(scene.control.servedInPart('/web' as never)).toEqual([
      'service port 10000: its labels are left out: nonsense (proxy on node.test)',
    ]);
    expect(scene.control.notServed('/demanding' as never)).toEqual([
      { port: 10_050, reason: 'its own tasks demand host port 10050 (requirePorts)' },
    ]);
    expect(scene.control.notServed('/second' as never)).toEqual([
      { port: 10_000, reason: 'service port 10000 belongs to /web' },
    ]);
    scene.world.unwant('/web');
    await scene.pass(5);
    expect(scene.control.table().services['/second:10000']?.bindPort).toBe(true);
  });
});

describe('many apps', () => {
  it('cost a change no more than its own app', async () => {
    const scene = new Scene();
    for (let app = 0; app < 1_000; app++) {
      scene.world.want(
        record({ id: `/app-${app}`, portDefinitions: [{ port: 10_000 + app, protocol: 'tcp' }] }),
      );
      for (let i = 0; i < 10; i++)
        scene.world.put(instance(`/app-${app}`, `${app}-${i}`, 20_000 + app * 10 + i));
    }
    let read = 0;
    const { ofApp } = scene.world.instances;
    scene.world.instances.ofApp = (appId) => {
      read += 1;
      return ofApp(appId);
    };
    scene.control.start();
    scene.proxy('a');
    read = 0;
    scene.world.put(instance('/app-500', 'new', 60_000));
    await scene.pass(300);
    expect(read).toBe(1);
  });
});

describe('an app that is stored but cannot be read', () => {
  it('is kept by the proxies as they know it, until somebody says what it is', async () => {
    const world = new World();
    const registry = { ...world.registry, setAside: new Map([['/web', 'its checksum does not match']]) };
    const scene = new Scene({ registry });
    scene.control.start();
    const proxy = scene.proxy('a');
    expect(proxy.table.kept).toEqual(['/web']);
    world.want(record({ id: '/web' }));
    await scene.pass(5);
    const last = proxy.sent.filter(({ type }) => type === 'SNAPSHOT').at(-1);
    expect(last).toMatchObject({ table: { services: { [web]: { appId: '/web' } } } });
    expect(proxy.table.kept).toBeUndefined();
  });
});
