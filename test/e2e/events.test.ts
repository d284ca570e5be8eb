import { waitFor } from '../support/wait-for.js';
import { EventReader } from './support/event-reader.js';
import { Longrun } from './support/longrun.js';

const sleeper = { id: '/sleeper', cmd: 'exec sleep 1000', cpus: 0.01, mem: 32, portDefinitions: [] };

describe('the event stream of a real server', () => {
  let longrun: Longrun;
  const readers: EventReader[] = [];
  const reader = (): EventReader => {
    const made = new EventReader();
    readers.push(made);
    return made;
  };
  beforeAll(async () => {
    longrun = await Longrun.start();
  }, 40_000);
  afterEach(async () => {
    await Promise.all(readers.splice(0).map((one) => one.cut()));
  });
  afterAll(async () => longrun.destroy(), 40_000);

  it('resumes after a broken connection where it was: nothing is missing, nothing comes twice', async () => {
    const [whole, broken] = [reader(), reader()];
    await whole.open(longrun.ready.api);
    await waitFor(() => whole.lastId !== '');
    await broken.open(longrun.ready.api);
    await longrun.deploy(sleeper);
    await waitFor(() => broken.of('deployment_success').length === 1, {
      what: 'the first deployment to be told',
    });
    await broken.cut();
    await longrun.request('PATCH', '/v2/apps/sleeper', { instances: 3 });
    await longrun.settled('/sleeper');
    await broken.open(longrun.ready.api, { lastEventId: broken.lastId });
    await longrun.request('PATCH', '/v2/apps/sleeper', { instances: 1 });
    await longrun.settled('/sleeper');
    await waitFor(() => [whole, broken].every((one) => one.of('deployment_success').length === 3), {
      what: 'three deployments to be told to both',
    });
    const first = broken.events[0]?.id;
    const last = broken.events.at(-1)?.id;
    const ids = (from: EventReader): string[] => from.events.map(({ id }) => id);
    const expected = ids(whole).slice(ids(whole).indexOf(first ?? ''), ids(whole).indexOf(last ?? '') + 1);
    expect(ids(broken)).toEqual(expected);
    expect(ids(broken).every((id) => /^\d+-\d+$/.test(id))).toBe(true);
  }, 40_000);

  it('says with a list answer where the stream stood, so that a client may read the list and then go on', async () => {
    const list = await longrun.request('GET', '/v2/apps');
    const position = list.headers.get('x-event-position') ?? '';
    expect(position).toMatch(/^\d+-\d+$/);
    await longrun.request('PATCH', '/v2/apps/sleeper', { instances: 2 });
    await longrun.settled('/sleeper');
    const after = reader();
    await after.open(longrun.ready.api, { lastEventId: position });
    await waitFor(() => after.of('deployment_success').length === 1, {
      what: 'the deployment after the list',
    });
    expect(after.of('status_update_event').map(({ data }) => data['taskStatus'])).toContain('TASK_RUNNING');
    expect(after.of('reset')).toEqual([]);
  }, 30_000);

  it('passes on only the types that were asked for', async () => {
    const few = reader();
    await few.open(longrun.ready.api, {
      query: '?event_type=status_update_event&event_type=deployment_success',
    });
    await longrun.request('PATCH', '/v2/apps/sleeper', { instances: 1 });
    await waitFor(
      () => few.of('deployment_success').length === 1 && few.of('status_update_event').length > 0,
    );
    expect([...new Set(few.events.map(({ type }) => type))].sort()).toEqual([
      'deployment_success',
      'status_update_event',
    ]);
  }, 30_000);

  it('tells a client of the former server to read the lists again, and then goes on', async () => {
    const client = reader();
    await client.open(longrun.ready.api);
    await waitFor(() => client.lastId !== '');
    const former = client.lastId;
    process.kill(longrun.parts().server[0] ?? 0, 'SIGKILL');
    await waitFor(
      async () => (await longrun.request('GET', '/ping').catch(() => undefined))?.status === 200,
      { timeoutMs: 15_000, what: 'the next server' },
    );
    await client.cut();
    await client.open(longrun.ready.api, { lastEventId: former });
    await waitFor(() => client.of('reset').length === 1, { what: 'the reset' });
    const reset = client.of('reset')[0];
    expect(reset?.data['position']).toBe(reset?.id);
    expect(Number(reset?.id.split('-')[0])).toBeGreaterThan(Number(former.split('-')[0]));
    await longrun.request('PATCH', '/v2/apps/sleeper', { instances: 2 });
    await waitFor(() => client.of('deployment_success').length > 0, {
      timeoutMs: 20_000,
      what: 'news after the reset',
    });
  }, 60_000);
});
