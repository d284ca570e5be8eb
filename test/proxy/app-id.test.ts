import type { AppId } from '../../src/apps/app.js';
import { silentLog } from '../../src/logging/log.js';
import type { Service } from '../../src/proxy/table.js';
import type { IngressPort } from '../../src/proxy/worker/ingress.js';
import { ServicePorts } from '../../src/proxy/worker/service-ports.js';
import { VirtualClock } from '../../src/util/virtual-clock.js';
import { Backend, Plane, serverAt, service } from './rig.js';

describe('requests that name their app in a header', () => {
  let plane: Plane | undefined;
  afterEach(async () => {
    await plane?.close();
    plane = undefined;
  });

  it('go to its first port that speaks HTTP, or to the one asked for', async () => {
    const [web, admin] = [await Backend.answering('web'), await Backend.answering('admin')];
    const of = (backend: Backend, portIndex: number, over: Partial<Service> = {}): Service =>
      service([serverAt(backend.port)], { portIndex, servicePort: 10_000 + portIndex, vhosts: [], ...over });
    plane = await Plane.start([
      of(web, 0, { mode: 'tcp' }),
      of(admin, 2, { rules: { redirectToHttps: true } }),
      of(web, 1),
      of(web, 5, { appId: '/raw' as AppId, mode: 'tcp' }),
    ]);
    plane.own(web);
    plane.own(admin);
    const port = await plane.openApps();
    const ask = async (...headers: string[]): Promise<string> => {
      const client = await (plane as Plane).client(port);
      client.send(
        `GET / HTTP/1.1\r\nHost: any\r\n${headers.map((one) => `${one}\r\n`).join('')}Connection: close\r\n\r\n`,
      );
      return client.seesEnd();
    };
    expect(await ask('X-Marathon-App-Id: /shop/web')).toMatch(/web$/);
    expect(await ask('x-marathon-app-id: SHOP/web')).toMatch(/web$/);
    expect(await ask('X-Marathon-App-Id: /shop/web', 'X-Longrun-Port-Index: 2')).toMatch(/admin$/);
    for (const [headers, why] of [
      [
        ['X-Marathon-App-Id: /shop/web', 'X-Longrun-Port-Index: 0'],
        '/shop/web has no port 0 that speaks HTTP',
      ],
      [['X-Marathon-App-Id: /shop/web', 'X-Longrun-Port-Index: one'], 'not the index of a port'],
      [['X-Marathon-App-Id: /raw'], '/raw has no port that speaks HTTP'],
      [['X-Marathon-App-Id: /none'], 'there is no app /none with a port here'],
      [['X-Marathon-App-Id: /shop/web', 'X-Marathon-App-Id: /raw'], 'this one names several'],
      [[], 'this one names none'],
    ] as const) {
      const answer = await ask(...headers);
      expect(answer).toMatch(/^HTTP\/1.1 404 .*X-Longrun-Error: unknown-app\r\n/s);
      expect(answer).toContain(why);
    }
    plane.serve([of(admin, 0)]);
    expect(await ask('X-Marathon-App-Id: /shop/web')).toMatch(/admin$/);
    plane.serve([]);
    expect(await ask('X-Marathon-App-Id: /shop/web')).toContain('there is no app /shop/web');
  });
});

describe('a service port with an address of its own', () => {
  it('moves when the address changes; what comes for the former address is not taken', async () => {
    const told: string[] = [];
    const closed: number[] = [];
    let made = 0;
    const ports = new ServicePorts(
      {
        listen: (port, address) => void told.push(`listen ${address ?? ''}:${port}`),
        drop: (port, address) => void told.push(`drop ${address ?? ''}:${port}`),
      },
      () => {
        const number = ++made;
        const ingress = { open: async () => 1, close: () => void closed.push(number), key: '', name: '' };
        return ingress as unknown as IngressPort;
      },
      new VirtualClock(),
      silentLog,
      () => undefined,
    );
    const at = (bindAddress?: string): Service =>
      service([], bindAddress === undefined ? {} : { bindAddress });
    ports.serviceChanged('a', at());
    ports.serviceChanged('a', at());
    expect(await ports.bound(10_000, { handle: {} })).toBe(true);
    ports.serviceChanged('a', at('127.0.0.2'));
    expect(closed).toEqual([1]);
    expect(await ports.bound(10_000, { handle: {} })).toBe(false);
    ports.notBound(10_000, 'busy');
    expect(ports.notServed).toEqual({});
    expect(await ports.bound(10_000, { handle: {} }, '127.0.0.2')).toBe(true);
    ports.serviceChanged('b', at('127.0.0.3'));
    expect(closed).toEqual([1, 2]);
    ports.notBound(10_000, 'not here', '127.0.0.3');
    expect(ports.notServed).toEqual({ 10000: 'not here' });
    ports.serviceChanged('b', undefined);
    ports.serviceChanged('a', undefined);
    expect(told).toEqual([
      'listen :10000',
      'drop :10000',
      'listen 127.0.0.2:10000',
      'drop 127.0.0.2:10000',
      'listen 127.0.0.3:10000',
      'drop 127.0.0.3:10000',
      'listen 127.0.0.2:10000',
      'drop 127.0.0.2:10000',
    ]);
    expect(ports.notServed).toEqual({});
    ports.close();
  });
});
