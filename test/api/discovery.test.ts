import { request } from 'node:http';
import { Pool, running } from '../discovery/support/pool.js';
import { waitFor } from '../support/wait-for.js';
import { ApiWorld } from './support/api-world.js';
import { makeAuth } from './support/auth.js';

let world: ApiWorld;
let pool: Pool;

beforeEach(async () => {
  pool = new Pool();
  pool.set('/shop/web', [running('a', '10.0.0.1'), running('b', '10.0.0.2')]);
  pool.set('/db', [running('c', '10.0.0.3')]);
  pool.book.start();
  await pool.settle();
  world = await new ApiWorld().start({ endpoints: { book: pool.book, epoch: 7 } });
});
afterEach(async () => {
  await world.stop();
  pool.book.stop();
});

interface Told {
  readonly position: string;
  readonly complete: boolean;
  readonly apps: readonly { readonly id: string; readonly endpoints: readonly { readonly host: string }[] }[];
}

const told = async (query = '', headers = {}): Promise<Told> =>
  (await world.ask('GET', `/v2/discovery${query}`, { headers })).json as unknown as Told;
const hosts = ({ apps }: Told): Record<string, string[]> =>
  Object.fromEntries(apps.map(({ id, endpoints }) => [id, endpoints.map(({ host }) => host)]));

describe('/v2/discovery', () => {
  it('lists where the usable instances are, of all apps, of one, or of those below a group', async () => {
    const all = await told();
    expect(all.complete).toBe(true);
    expect(hosts(all)).toEqual({ '/shop/web': ['10.0.0.1', '10.0.0.2'], '/db': ['10.0.0.3'] });
    expect(all.apps.find(({ id }) => id === '/db')).toEqual({
      id: '/db',
      endpoints: [
        {
          taskId: 'c-task',
          host: '10.0.0.3',
          agentHost: '10.0.0.3',
          ports: [{ number: 31000, protocol: 'tcp', name: 'http' }],
        },
      ],
    });
    expect(hosts(await told('?app=db'))).toEqual({ '/db': ['10.0.0.3'] });
    expect(Object.keys(hosts(await told('?app=/shop/*')))).toEqual(['/shop/web']);
    expect(await told('?app=/none')).toMatchObject({ complete: true, apps: [] });
  });

  it('says what changed since a position, with those that went, and everything to a stranger', async () => {
    const { position } = await told();
    expect(await told(`?after=${position}`)).toEqual({ position, complete: false, apps: [] });
    pool.set('/shop/web', [running('b', '10.0.0.2')]);
    pool.remove('/db');
    await pool.settle();
    const news = await told(`?after=${position}`);
    expect(news.complete).toBe(false);
    expect(hosts(news)).toEqual({ '/shop/web': ['10.0.0.2'], '/db': [] });
    expect((await told('?after=6-1')).complete).toBe(true);
    expect((await world.ask('GET', '/v2/discovery?after=x')).status).toBe(400);
    expect((await world.ask('GET', '/v2/discovery?waitSeconds=61')).status).toBe(422);
  });

  it('waits for a change of what was asked for', async () => {
    const { position } = await told('?app=/db');
    let answer: Told | undefined;
    const waiting = told(`?app=/db&after=${position}&waitSeconds=30`).then((found) => {
      answer = found;
    });
    pool.set('/shop/web', []);
    await pool.settle();
    await told();
    expect(answer).toBeUndefined();
    pool.set('/db', [running('c', '10.0.0.3'), running('d', '10.0.0.4')]);
    await pool.settle();
    await waiting;
    expect(answer && hosts(answer)).toEqual({ '/db': ['10.0.0.3', '10.0.0.4'] });
  });

  it('streams everything, then each change; a reader that comes back goes on where it was', async () => {
    const open = (headers: Record<string, string> = {}) => {
      const stream = { text: '', end: () => undefined as unknown };
      const asked = request(
        `${world.url}/v2/discovery`,
        { headers: { accept: 'text/event-stream', ...headers } },
        (response) => {
          response.on('data', (chunk) => {
            stream.text += String(chunk);
          });
          stream.end = () => response.destroy();
        },
      );
      asked.on('error', () => undefined);
      asked.end();
      return stream;
    };
    const first = open();
    await waitFor(() => first.text.includes('10.0.0.3'), { what: 'everything' });
    pool.set('/db', [running('d', '10.0.0.4')]);
    await pool.settle();
    await waitFor(() => first.text.includes('10.0.0.4'), { what: 'the change' });
    const ids = [...first.text.matchAll(/^id: (\S+)$/gm)].map(([, id]) => id ?? '');
    expect(ids).toHaveLength(2);
    first.end();
    pool.remove('/db');
    await pool.settle();
    const again = open({ 'last-event-id': ids[1] ?? '' });
    await waitFor(() => again.text.includes('"endpoints":[]'), { what: 'what was missed' });
    expect(again.text).not.toContain('/shop/web');
    again.end();
  });

  it('shows nobody what they may not view', async () => {
    const auth = await makeAuth();
    const shown = await new ApiWorld().start({ auth, endpoints: { book: pool.book, epoch: 7 } });
    const headers = await auth.token('viewer', [{ right: 'view', path: '/shop' }]);
    const { json } = await shown.ask('GET', '/v2/discovery', { headers });
    expect(Object.keys(hosts(json as unknown as Told))).toEqual(['/shop/web']);
    expect((await shown.ask('GET', '/v2/discovery')).status).toBe(401);
    await shown.stop();
  });
});
