import type { Server } from 'node:net';
import { busyPortsIn } from '../../../src/proxy/haproxy/decide/busy-ports.js';
import { waitFor } from '../../support/wait-for.js';
import { listening, RealHaproxy, withHaproxy } from './real.js';
import { tableOf, web } from './world.js';

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

withHaproxy('a service port that somebody took since it was looked at', () => {
  let haproxy: RealHaproxy;
  let stranger: Server;
  let taken: number;

  beforeEach(async () => {
    ({ server: stranger, port: taken } = await listening());
    haproxy = await RealHaproxy.onAnyPort();
  });
  afterEach(async () => {
    await haproxy.end();
    await new Promise((closed) => stranger.close(closed));
  });

  /** Nobody is behind it: 503 is what its own backend answers, 404 what is nobody's. */
  const isServed = (host: string): Promise<boolean> =>
    waitFor(async () => (await haproxy.ask(host)).status === 503, { timeoutMs: 20_000 });

  it('is left out when HAProxy starts, and all others are served', async () => {
    const services = [web([], { servicePort: taken })];
    haproxy.plane.alreadyBound(tableOf(...services));
    haproxy.tell(...services);
    haproxy.plane.start();
    await isServed('web.test');
    expect(haproxy.notServed).toContainEqual({ [taken]: 'Address already in use' });
  }, 60_000);

  it('is left out when HAProxy is reloaded, and all others are served', async () => {
    haproxy.tell(web([], { bindPort: false }));
    haproxy.plane.start();
    await isServed('web.test');
    const other = web([], { appId: '/other' as never, servicePort: taken, vhosts: ['other.test'] });
    haproxy.plane.alreadyBound(tableOf(other));
    haproxy.tell(web([], { bindPort: false }), other);
    await isServed('other.test');
    expect(haproxy.notServed).toContainEqual({ [taken]: 'Address already in use' });
  }, 60_000);
});
