import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { silentLog } from '../../src/logging/log.js';
import { guardedReads } from '../../src/server/guarded-reads.js';
import { OperatorRoutes } from '../../src/server/operator-routes.js';
import { bearer, makeAuth, OPERATOR_TOKEN } from '../api/support/auth.js';

const basic = { authorization: `Basic ${btoa('ann:correct horse')}` };

async function serve(listener: RequestListener): Promise<{ url: string; server: Server }> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server };
}

async function end(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise<void>((resolve) => server.close(() => resolve()));
}

describe('the port of the master', () => {
  const documents: RequestListener = (_request, response) => response.end('every task');

  it('shows its documents to those who may view everything, and its health to all', async () => {
    const auth = await makeAuth();
    const part = await auth.token('part', [{ right: 'admin', path: '/shop' }]);
    const all = await auth.token('all', [{ right: 'view', path: '/' }]);
    const { url, server } = await serve(guardedReads(auth.authenticator, documents, silentLog));
    const ask = async (path: string, headers: Record<string, string> = {}): Promise<number> =>
      (await fetch(url + path, { headers })).status;
    try {
      for (const path of [
        '/state',
        '/master/state',
        '/tasks',
        '/health/../state',
        '/metrics/snapshot',
        '//health',
      ])
        expect([path, await ask(path)]).toEqual([path, 401]);
      for (const path of ['/health', '/master/health', '/version', '/redirect'])
        expect([path, await ask(path)]).toEqual([path, 200]);
      expect(await ask('/state', part)).toBe(403);
      expect(await ask('/state', all)).toBe(200);
      expect(await ask('/state', basic)).toBe(200);
      const refused = await fetch(`${url}/state`);
      expect(refused.headers.get('www-authenticate')).toContain('Bearer');
      expect(await refused.json()).toMatchObject({ code: 'unauthenticated' });
    } finally {
      await end(server);
    }
  });

  it('is open where nobody has to say who they are', async () => {
    const { authenticator } = await makeAuth({ required: false });
    expect(guardedReads(authenticator, documents, silentLog)).toBe(documents);
  });
});

describe('going down', () => {
  it('takes an administrator’s token, not a password that any page can make a browser send, and is remembered', async () => {
    const auth = await makeAuth();
    const asked: string[] = [];
    const routes = new OperatorRoutes({
      administrator: (header) => auth.authenticator.administratorByToken(header),
      trail: auth.trail,
      store: auth.store,
      scratchDir: '',
      down: (mode) => asked.push(mode),
      log: silentLog,
    });
    const deployer = await auth.token('deployer', [{ right: 'deploy', path: '/' }]);
    const admin = await auth.token('admin', [{ right: 'admin', path: '/' }]);
    const { url, server } = await serve((request, response) => void routes.handle(request, response));
    const ask = async (headers: Record<string, string>): Promise<number> =>
      (await fetch(`${url}/longrun/v1/down?mode=leave-tasks`, { method: 'POST', headers })).status;
    try {
      for (const headers of [{}, basic, deployer, bearer('lr_x')]) expect(await ask(headers)).toBe(401);
      expect(asked).toEqual([]);
      expect(await ask(admin)).toBe(202);
      expect(await ask(bearer(OPERATOR_TOKEN))).toBe(202);
      expect(asked).toEqual(['leave-tasks', 'leave-tasks']);
      const { entries } = await auth.trail.page({ after: undefined, limit: 9 }, {});
      expect(entries.map(({ who, path }) => [who, path])).toEqual([
        ['admin', '/longrun/v1/down'],
        ['operator', '/longrun/v1/down'],
      ]);
    } finally {
      await end(server);
    }
  });
});
