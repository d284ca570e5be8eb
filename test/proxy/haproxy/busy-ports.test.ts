import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { get } from 'node:http';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog } from '../../../src/logging/log.js';
import { busyPortsIn } from '../../../src/proxy/haproxy/decide/busy-ports.js';
import { FollowedServices } from '../../../src/proxy/haproxy/followed-table.js';
import { HaproxyPlane } from '../../../src/proxy/haproxy/haproxy-plane.js';
import { HaproxyProcess } from '../../../src/proxy/haproxy/haproxy-process.js';
import type { Service } from '../../../src/proxy/table.js';
import { SystemClock } from '../../../src/util/clock.js';
import { waitFor } from '../../support/wait-for.js';
import { settings, tableOf, web } from './world.js';

const path = ['/usr/sbin/haproxy', '/usr/local/sbin/haproxy', '/usr/bin/haproxy'].find(existsSync);

it('reads of what HAProxy says which ports it did not get', () => {
  const words = [
    '[NOTICE]   (1) : haproxy version is 2.6.12',
    '[ALERT]    (1) : Binding [haproxy.cfg:16] for frontend f3: cannot bind socket (Address already in use) for [::1:18083]',
    '[ALERT]    (1) : Binding [haproxy.cfg:13] for frontend f2: cannot bind socket (Permission denied) for [127.0.0.1:80]',
    '[ALERT]    (1) : [haproxy.main()] Some protocols failed to start their listeners! Exiting.',
  ].join('\n');
  expect(busyPortsIn(words)).toEqual([
    { address: '::1', port: 18_083, reason: 'Address already in use' },
    { address: '127.0.0.1', port: 80, reason: 'Permission denied' },
  ]);
  expect(busyPortsIn('all is well')).toEqual([]);
});

(path === undefined ? describe.skip : describe)(
  'a service port that somebody took since it was looked at',
  () => {
    let workDir: string;
    let stranger: Server;
    let haproxy: HaproxyProcess;
    let table: FollowedServices;
    let plane: HaproxyPlane;
    let lbPort: number;
    let taken: number;
    let version = 0;
    /** It is looked at again every few seconds, and is no news for a moment. */
    let told: Readonly<Record<number, string>>[];

    const listening = async (): Promise<{ server: Server; port: number }> => {
      const server = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
      await new Promise((done) => server.once('listening', done));
      return { server, port: (server.address() as { port: number }).port };
    };
    const statusOf = (host: string): Promise<number> =>
      new Promise((resolve) => {
        get({ host: '127.0.0.1', port: lbPort, headers: { host }, agent: false }, (answer) => {
          answer.resume();
          resolve(answer.statusCode ?? 0);
        }).on('error', () => resolve(0));
      });
    const tell = (...services: readonly Service[]): void => {
      version += 1;
      table.replace({ epoch: 1, version, services: tableOf(...services) });
    };

    beforeEach(async () => {
      workDir = mkdtempSync(join(tmpdir(), 'longrun-busy-ports-'));
      ({ server: stranger, port: taken } = await listening());
      const free = await listening();
      lbPort = free.port;
      await new Promise((closed) => free.server.close(closed));
      told = [];
      const clock = new SystemClock();
      const { appIdPort: _, ...rest } = settings;
      table = new FollowedServices(
        () => plane.wake(),
        () => [],
      );
      haproxy = new HaproxyProcess({
        path: path ?? '',
        workDir,
        ports: { lbPort, statsPort: 0 },
        onGone: () => plane.wake(),
        clock,
        log: silentLog,
      });
      plane = new HaproxyPlane({
        settings: { ...rest, lbPort },
        haproxy,
        table,
        beforeStart: async () => undefined,
        inFlight: () => undefined,
        notServedChanged: () => void told.push(plane.notServed),
        serving: () => undefined,
        clock,
        log: silentLog,
      });
    });
    afterEach(async () => {
      await plane.stop();
      haproxy.end('at-once');
      await waitFor(async () => (await statusOf('web.test')) === 0, { timeoutMs: 20_000 });
      await new Promise((closed) => stranger.close(closed));
      rmSync(workDir, { recursive: true, force: true, maxRetries: 5 });
    });

    it('is left out when HAProxy starts, and all others are served', async () => {
      const services = [web([], { servicePort: taken })];
      plane.alreadyBound(tableOf(...services));
      tell(...services);
      plane.start();
      // Nobody is behind it: 503 is what its own backend answers, 404 what is nobody's.
      await waitFor(async () => (await statusOf('web.test')) === 503, { timeoutMs: 20_000 });
      expect(told).toContainEqual({ [taken]: 'Address already in use' });
    }, 60_000);

    it('is left out when HAProxy is reloaded, and all others are served', async () => {
      tell(web([], { bindPort: false }));
      plane.start();
      await waitFor(async () => (await statusOf('web.test')) === 503, { timeoutMs: 20_000 });
      const other = web([], { appId: '/other' as never, servicePort: taken, vhosts: ['other.test'] });
      plane.alreadyBound(tableOf(other));
      tell(web([], { bindPort: false }), other);
      await waitFor(async () => (await statusOf('other.test')) === 503, { timeoutMs: 20_000 });
      expect(told).toContainEqual({ [taken]: 'Address already in use' });
    }, 60_000);
  },
);
