import { ApiWorld } from './support/api-world.js';
import { record, running } from './support/fakes.js';

let world: ApiWorld;

beforeEach(async () => {
  world = await new ApiWorld().start();
  world.registry.put(
    record('/a/web', {
      portDefinitions: [
        { port: 10_000, protocol: 'tcp' },
        { port: 10_001, protocol: 'tcp' },
      ],
    }),
    record('/batch', { portDefinitions: [] }),
    record('/idle'),
  );
  const [first, second, waiting, batch] = [1, 2, 3, 4].map((number) =>
    running(number === 4 ? '/batch' : '/a/web', number),
  );
  if (!first || !second || !waiting || !batch) throw new Error('four instances were made');
  world.scheduler.add(first, second, { ...waiting, condition: 'Staging' }, batch);
});
afterEach(() => world.stop());

const text = { headers: { accept: 'text/plain' } };

describe('the table of tasks for scripts', () => {
  it('has a line per app and service port, hosts and ports of running tasks in cells ended by tabs', async () => {
    const host = world.scheduler.instances.ofApp(record('/a/web').app.id)[0]?.task?.hostname;
    const answer = await world.ask('GET', '/v2/tasks', text);
    expect([answer.status, answer.headers['content-type']]).toEqual([200, 'text/plain; charset=utf-8']);
    expect(answer.headers['vary']).toContain('Accept');
    expect(answer.text.split('\n')).toEqual([
      `a_web\t10000\t${host}:31001\t${host}:31002\t`,
      `a_web\t10001\t${host}:0\t${host}:0\t`,
      `batch\t \t${host} `,
      'idle\t10000\t',
      '',
    ]);
  });

  it('is there for one app and for a group as well', async () => {
    expect((await world.ask('GET', '/v2/apps/batch/tasks', text)).text).toMatch(/^batch\t \t\S+ \n$/);
    expect((await world.ask('GET', '/v2/apps/a/*/tasks', text)).text).toMatch(
      /^a_web\t10000\t.*\na_web\t10001\t.*\n$/,
    );
    expect((await world.ask('GET', '/v2/apps/none/tasks', text)).status).toBe(404);
  });

  it.each([
    ['*/*', 'application/json'],
    ['application/json, text/plain', 'application/json'],
    ['text/plain, application/json;q=0.9', 'text/plain; charset=utf-8'],
    ['text/*', 'text/plain; charset=utf-8'],
  ])('is chosen by Accept: %s answers %s', async (accept, type) => {
    const answer = await world.ask('GET', '/v2/tasks', { headers: { accept } });
    expect(answer.headers['content-type']).toBe(type);
  });
});
