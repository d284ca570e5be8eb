import { shownSettings } from '../../src/api/decide/shown-settings.js';
import { settingTable } from '../../src/config/setting-table.js';
import type { Settings } from '../../src/config/settings.js';
import { LogLevels } from '../../src/logging/log-levels.js';
import { VirtualClock } from '../../src/util/virtual-clock.js';
import { ApiWorld } from './support/api-world.js';
import { expectContract } from './support/contract.js';

let world: ApiWorld;
const clock = new VirtualClock();

beforeEach(async () => {
  world = await new ApiWorld().start({ clock });
  world.logLevels.thresholdOf('scheduler');
});
afterEach(() => world.stop());

const change = (body: unknown) => world.ask('POST', '/logging', { body });

describe('/logging', () => {
  it('tells the level of every logger and changes one while the server runs', async () => {
    const before = await world.ask('GET', '/logging');
    expectContract('LogLevels', before.json);
    expect(before.json).toEqual({ ROOT: 'INFO', scheduler: 'INFO (inherited)' });
    const answer = await change({ level: 'DEBUG', logger: 'scheduler' });
    expect([answer.status, answer.json]).toEqual([200, { level: 'debug', logger: 'scheduler' }]);
    expect((await world.ask('GET', '/logging')).json).toEqual({ ROOT: 'INFO', scheduler: 'DEBUG' });
    expect(LogLevels.passes('debug', world.logLevels.thresholdOf('scheduler'))).toBe(true);
    expect(LogLevels.passes('debug', world.logLevels.thresholdOf('apps'))).toBe(false);
  });

  it('takes a change back when its time is over, to what it was', async () => {
    await change({ level: 'error', logger: 'scheduler' });
    await change({ level: 'trace', logger: 'scheduler', durationSeconds: 60 });
    await change({ level: 'warn', logger: 'root', durationSeconds: 30 });
    clock.advance(59_000);
    expect((await world.ask('GET', '/logging')).json).toMatchObject({ ROOT: 'INFO', scheduler: 'DEBUG' });
    clock.advance(1_000);
    expect((await world.ask('GET', '/logging')).json).toMatchObject({ scheduler: 'ERROR' });
  });

  it.each([
    [{ level: 'debug', logger: '' }, 422, '/logger'],
    [{ level: 'loud', logger: 'x' }, 422, '/level'],
    [{ logger: 'x' }, 422, '/level'],
    [{ level: 'info', logger: 1 }, 422, '/logger'],
    [{ level: 'info', logger: 'x'.repeat(101) }, 422, '/logger'],
    [{ level: 'info', logger: 'x', durationSeconds: 0 }, 422, '/durationSeconds'],
    [{ level: 'info', logger: 'x', durationSeconds: 1.5 }, 422, '/durationSeconds'],
    [{ level: 'info', logger: 'x', durationSeconds: 1e9 }, 422, '/durationSeconds'],
    [[], 422, '/'],
  ])('refuses %j', async (body, status, path) => {
    const answer = await change(body);
    expect([answer.status, (answer.json['details'] as { path: string }[])[0]?.path]).toEqual([status, path]);
    expect((await world.ask('GET', '/logging')).json).toEqual({
      ROOT: 'INFO',
      scheduler: 'INFO (inherited)',
    });
  });

  it('has a bound on the loggers that clients make up', () => {
    const levels = new LogLevels('info');
    const made = Array.from({ length: 1_000 }, (_, i) => levels.set(`made-up-${i}`, 'debug'));
    expect(made.filter((accepted) => accepted).length).toBe(256);
  });
});

describe('/config', () => {
  it('shows every setting by its flag, and no secret', async () => {
    const answer = await world.ask('GET', '/config');
    expectContract('Config', answer.json);
    expect(Object.keys(answer.json).sort()).toEqual(settingTable.map(({ flag }) => flag).sort());
    expect(answer.json['service-ports']).toEqual({ min: 10_000, max: 20_000 });
  });

  it.each([
    ['http-credentials', 'admin:hunter2', 'xxxxxxxx'],
    ['join-token', 'hunter2', 'xxxxxxxx'],
    ['tls-key-password', 'hunter2', 'xxxxxxxx'],
    ['token-file', '/etc/token', '/etc/token'],
    ['server', 'http://me:hunter2@host:5050', 'http://xxxxxxxx:xxxxxxxx@host:5050'],
    ['address', '127.0.0.1', '127.0.0.1'],
  ])('--%s %s is shown as %s', (flag, value, shown) => {
    const entry = {
      name: 'server',
      flag,
      kind: { kind: 'text' },
      help: '',
      fallback: () => undefined,
    } as const;
    expect(shownSettings({ server: value } as Settings, [entry])).toEqual({ [flag]: shown });
  });
});

describe('/v2/leader', () => {
  it('is given up by DELETE: answered first, then carried out', async () => {
    const answer = await world.ask('DELETE', '/v2/leader');
    expect([answer.status, answer.json]).toEqual([200, { message: 'Leadership abdicated' }]);
    expect(world.abdications).toBe(0);
    clock.advance(500);
    expect(world.abdications).toBe(1);
  });

  it.each([
    ['backup=gopher://x', 'Invalid URI or unsupported scheme: gopher://x'],
    ['restore=nonsense', 'Invalid URI or unsupported scheme: nonsense'],
    ['backup=file:///etc/cron.d/x', "'backup' to or from a URL is not supported"],
  ])('writes and reads no copy where a request says: %s', async (query, message) => {
    const answer = await world.ask('DELETE', `/v2/leader?${query}`);
    expect([answer.status, answer.json['message']]).toEqual([422, message]);
    clock.advance(10_000);
    expect(world.abdications).toBe(0);
  });
});

describe('/v2/plugins', () => {
  it('is an empty list; what a plugin would serve is 404 by its name', async () => {
    const answer = await world.ask('GET', '/v2/plugins');
    expectContract('PluginList', answer.json);
    for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'DELETE']) {
      const below = await world.ask(
        method,
        '/v2/plugins/mine/anything',
        method === 'POST' ? { body: {} } : {},
      );
      expect(below.status).toBe(404);
    }
    const { json } = await world.ask('GET', '/v2/plugins/mine');
    expect(json['message']).toBe('No plugin with this pluginId: mine');
  });
});
