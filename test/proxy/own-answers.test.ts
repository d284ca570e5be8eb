import type { AppId } from '../../src/apps/app.js';
import { errorPage } from '../../src/proxy/worker/http/error-page.js';
import { Backend, Plane, serverAt, service } from './rig.js';

const page = (accept: string | undefined, over = {}): string =>
  errorPage(503, 'no server of /shop/web is up', {
    close: true,
    lines: accept === undefined ? '' : `Accept: ${accept}\r\n`,
    subject: { appId: '/shop/web', servicePort: 10_000, healthy: 0, wanted: 3 },
    ...over,
  });

describe('an answer of the load balancer itself', () => {
  it('says which app has how many healthy instances, and when to ask again', () => {
    const text = page(undefined);
    expect(text).toMatch(/^HTTP\/1.1 503 Service Unavailable\r\nContent-Type: text\/plain/);
    expect(text).toContain('X-Longrun-Error: no-server\r\n');
    expect(text).toContain('Retry-After: 2\r\n');
    expect(text).toContain('\r\n\r\n503 Service Unavailable: no server of /shop/web is up\n');
    expect(text).toContain('/shop/web on service port 10000: 0 of 3 instances are healthy.\n');
    const of = (healthy: number, wanted?: number): string =>
      page(undefined, { subject: { appId: '/a', servicePort: 1, healthy, wanted } });
    expect(of(1, 1)).toContain('1 of 1 instance is healthy');
    expect(of(0, 0)).toContain('scaled to 0');
    expect(of(2)).toContain('/a on service port 1: 2 instances are healthy');
  });

  it('is a page for browsers and JSON for programs that ask for it', () => {
    const html = page('text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8');
    expect(html).toContain('Content-Type: text/html');
    expect(html).toContain('<h1>503 Service Unavailable</h1>');
    expect(html).toContain('0 of 3 instances are healthy');
    const json = page('application/json, text/plain, */*');
    expect(JSON.parse(json.split('\r\n\r\n')[1] ?? '')).toEqual({
      status: 503,
      error: 'no-server',
      message: 'Service Unavailable: no server of /shop/web is up',
      app: '/shop/web',
      servicePort: 10_000,
      healthyInstances: 0,
      instances: 3,
    });
    expect(page('text/html;q=0.1, application/json;q=0.2')).toContain('application/json');
    expect(page('image/png, */*')).toContain('text/plain');
    expect(page('text/html;q=x')).toContain('text/plain');
  });

  it('has the length that it says and shows nothing as markup', () => {
    for (const accept of [undefined, 'text/html', 'application/json']) {
      const text = page(accept, { subject: { appId: '/<b>"&', servicePort: 1, healthy: 0 } });
      const [head = '', body = ''] = text.split('\r\n\r\n');
      expect(Number(/Content-Length: (\d+)/.exec(head)?.[1])).toBe(body.length);
      if (accept === 'text/html') expect(body).not.toContain('<b>');
      expect(errorPage(503, 'x', { close: true, head: true, lines: `Accept: ${accept}\r\n` })).toMatch(
        /\r\n\r\n$/,
      );
    }
  });
});

describe('requests that nobody serves', () => {
  let plane: Plane | undefined;
  afterEach(async () => {
    await plane?.close();
    plane = undefined;
  });
  const ask = async (host: string, accept = '*/*'): Promise<string> => {
    const client = await (plane as Plane).client();
    client.send(`GET / HTTP/1.1\r\nHost: ${host}\r\nAccept: ${accept}\r\nConnection: close\r\n\r\n`);
    return client.seesEnd();
  };

  it('hear of their own app, and of no other', async () => {
    const backend = await Backend.answering('other');
    plane = await Plane.start([
      service([], { wanted: 2 }),
      service([serverAt(backend.port)], { appId: '/other' as AppId, servicePort: 2, vhosts: ['other.test'] }),
    ]);
    plane.own(backend);
    for (const accept of ['*/*', 'text/html', 'application/json']) {
      const none = await ask('web.test', accept);
      expect(none).toMatch(/^HTTP\/1.1 503 .*X-Longrun-Error: no-server\r\n/s);
      expect(none).toContain('/shop/web');
      expect(none).not.toContain('other');
      const unknown = await ask('nobody.test', accept);
      expect(unknown).toMatch(/^HTTP\/1.1 404 .*X-Longrun-Error: unknown-host\r\n/s);
      expect(unknown).not.toMatch(/other|shop/);
    }
    expect(await ask('other.test')).not.toContain('X-Longrun');
  });

  it('of a server that breaks off are told from those of the app', async () => {
    const backend = await Backend.start((socket) => socket.destroy());
    plane = await Plane.start([service([serverAt(backend.port)])]);
    plane.own(backend);
    const client = await plane.client();
    client.send('POST / HTTP/1.1\r\nHost: web.test\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
    expect(await client.seesEnd()).toMatch(/^HTTP\/1.1 502 .*X-Longrun-Error: server-broke\r\n/s);
  });
});
