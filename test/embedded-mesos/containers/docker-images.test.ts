import fc from 'fast-check';
import { cgroupFolders } from '../../../src/embedded-mesos/containers/decide/cgroup-membership.js';
import {
  afterPullEvent,
  type PullEvent,
  pullText,
} from '../../../src/embedded-mesos/containers/decide/pull-progress.js';
import { registryLogin, registryOf } from '../../../src/embedded-mesos/containers/decide/registry-login.js';
import { sandboxOwner } from '../../../src/embedded-mesos/containers/decide/sandbox-owner.js';
import type { Engine } from '../../../src/embedded-mesos/containers/docker/engine.js';
import { ImagePulls } from '../../../src/embedded-mesos/containers/docker/image-pulls.js';
import { VirtualClock } from '../../../src/util/virtual-clock.js';

const downloading = (id: string, current: number, total: number): PullEvent => ({
  id,
  status: 'Downloading',
  progressDetail: { current, total },
});

describe('what is told of a pull', () => {
  it('counts layers and bytes', () => {
    const events: PullEvent[] = [
      { status: 'Pulling from library/web', id: '1' },
      { id: 'a', status: 'Already exists' },
      { id: 'b', status: 'Pulling fs layer' },
      { id: 'c', status: 'Pulling fs layer' },
      downloading('b', 1_500_000, 3_000_000),
      downloading('c', 500_000, 1_000_000),
      { id: 'c', status: 'Download complete' },
      { id: 'c', status: 'Extracting', progressDetail: { current: 10 } },
      { id: 'c', status: 'Pull complete' },
    ];
    const texts = events.reduce<{ state: ReturnType<typeof afterPullEvent>; texts: string[] }>(
      ({ state, texts }, event) => {
        const next = afterPullEvent(state, event);
        return { state: next, texts: [...texts, pullText('web:1', next)] };
      },
      { state: new Map(), texts: [] },
    ).texts;
    expect(texts[0]).toBe('Pulling image web:1');
    expect(texts[5]).toBe('Pulling image web:1: 1 of 3 layers, 2.0 of 4.0 MB');
    expect(texts.at(-1)).toBe('Pulling image web:1: 2 of 3 layers, 2.5 of 4.0 MB');
  });

  it('is nothing new when the engine repeats itself', () => {
    const once = afterPullEvent(new Map(), downloading('a', 5, 10));
    expect(afterPullEvent(once, downloading('a', 5, 10))).toBe(once);
    expect(afterPullEvent(once, downloading('a', 6, 10))).not.toBe(once);
  });

  it('never counts more than there is, whatever the engine says', () => {
    const events = fc.array(
      fc.record({
        id: fc.constantFrom('a', 'b', 'c'),
        status: fc.constantFrom('Waiting', 'Downloading', 'Download complete', 'Extracting', 'Pull complete'),
        progressDetail: fc.nat(100).map((current) => ({ current, total: 100 })),
      }),
    );
    fc.assert(
      fc.property(events, (list) => {
        let state: ReturnType<typeof afterPullEvent> = new Map();
        for (const event of list) state = afterPullEvent(state, event);
        for (const layer of state.values()) expect(layer.current).toBeLessThanOrEqual(layer.total);
      }),
    );
  });
});

describe('pulls of one image', () => {
  const noLogin = async (): Promise<undefined> => undefined;
  const fakeEngine = (pull: Engine['pull']): Engine =>
    ({ hasImage: async () => false, pull }) as unknown as Engine;

  it('happen once at a time, and all who wait are told', async () => {
    const clock = new VirtualClock();
    let pulls = 0;
    let finish = (): void => undefined;
    const engine = fakeEngine((_image, _login, onProgress) => {
      pulls++;
      onProgress(downloading('a', 1_000_000, 2_000_000));
      return new Promise((resolve) => {
        finish = resolve;
      });
    });
    const images = new ImagePulls(engine, clock, 1_000);
    const told: string[] = [];
    const all = ['x', 'y'].map((who) =>
      images.provide('web:1', false, noLogin, (text) => told.push(`${who} ${text}`)),
    );
    await new Promise(setImmediate);
    expect(pulls).toBe(1);
    finish();
    await Promise.all(all);
    expect(told).toContain('y Pulling image web:1: 0 of 1 layers, 1.0 of 2.0 MB');
  });

  it('may take as long as they progress, and fail when they stall', async () => {
    const clock = new VirtualClock();
    let progress = (_event: PullEvent): void => undefined;
    const engine = fakeEngine(
      (_image, _login, onProgress, signal) =>
        new Promise((_resolve, reject) => {
          progress = onProgress;
          signal.addEventListener('abort', () => reject(new Error('aborted')));
        }),
    );
    let failed = '';
    const done = new ImagePulls(engine, clock, 1_000)
      .provide('web:1', false, noLogin, () => undefined)
      .catch((error: Error) => {
        failed = error.message;
      });
    await new Promise(setImmediate);
    for (let bytes = 1; bytes <= 5; bytes++) {
      await clock.advance(900);
      progress(downloading('a', bytes, 10));
    }
    await new Promise(setImmediate);
    expect(failed).toBe('');
    await clock.advance(900);
    progress(downloading('a', 5, 10));
    await clock.advance(200);
    await done;
    expect(failed).toMatch(/0 of 1 layers.*stalled for 1 s/);
  });
});

describe('the login for an image', () => {
  const auth = (text: string): { auth: string } => ({ auth: Buffer.from(text).toString('base64') });

  it('is that of its registry', () => {
    const config = JSON.stringify({
      auths: { 'https://index.docker.io/v1/': auth('hub:a:b'), 'registry.example:5000': auth('own:c') },
    });
    expect(registryLogin(config, 'web:1')).toMatchObject({ username: 'hub', password: 'a:b' });
    expect(registryLogin(config, 'team/web')).toMatchObject({ username: 'hub' });
    expect(registryLogin(config, 'registry.example:5000/web')).toEqual({
      username: 'own',
      password: 'c',
      serveraddress: 'registry.example:5000',
    });
    expect(registryLogin(config, 'registry.example/web')).toBeUndefined();
    expect(
      registryLogin(JSON.stringify({ 'https://r.example/v1/': auth('x:y') }), 'r.example/a'),
    ).toMatchObject({
      username: 'x',
    });
    expect(() => registryLogin('nonsense', 'web')).toThrow(SyntaxError);
    expect(registryOf('localhost/web')).toBe('localhost');
  });
});

describe('the owner of a sandbox', () => {
  it('is whom the container runs as, if that is a number', () => {
    expect(sandboxOwner('')).toEqual({ uid: 0, gid: 0 });
    expect(sandboxOwner('1000')).toEqual({ uid: 1000, gid: 1000 });
    expect(sandboxOwner('1000:50')).toEqual({ uid: 1000, gid: 50 });
    expect(sandboxOwner('app')).toBe('unknown');
  });
});

describe('the cgroups of a process', () => {
  it('are found in each mounted hierarchy that is seen from here', () => {
    const hierarchies = [
      { version: 1 as const, mountPoint: '/cg/cpu', controllers: ['cpu', 'cpuacct'] },
      { version: 1 as const, mountPoint: '/cg/systemd', controllers: ['name=systemd'] },
      { version: 2 as const, mountPoint: '/cg/unified', controllers: [] },
    ];
    const text = '4:cpu,cpuacct:/docker/a\n3:memory:/docker/a\n1:name=systemd:/docker/a\n0::/../b\n';
    expect(cgroupFolders(text, hierarchies)).toEqual(['/cg/cpu/docker/a', '/cg/systemd/docker/a']);
    expect(cgroupFolders('0::/docker/a\n', hierarchies)).toEqual(['/cg/unified/docker/a']);
  });
});
