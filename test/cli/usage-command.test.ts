import type { AppId } from '../../src/apps/app.js';
import type { CommandIo } from '../../src/cli/rest/command-io.js';
import { RestClient } from '../../src/cli/rest/rest-client.js';
import { sparkline } from '../../src/cli/rest/sparkline.js';
import { appUsage } from '../../src/cli/rest/usage-command.js';
import type { UsagePoint } from '../../src/usage/decide/usage-points.js';
import type { TaskNow } from '../../src/usage/usage-book.js';
import { ApiWorld } from '../api/support/api-world.js';
import { record, running } from '../api/support/fakes.js';

describe('a line of bars', () => {
  it('is as high as its values, blank where there is none, and fits its width by the highest of each group', () => {
    expect(sparkline([0, 1, 2, undefined, 8], 8, 60)).toBe('▁▂▃ █');
    expect(sparkline([0, 0, 8, 0], 8, 2)).toBe('▁█');
    expect(sparkline([1, 1], 0, 10)).toBe('▁▁');
    expect(sparkline([], 1, 10)).toBe('');
    expect(
      sparkline(
        Array.from({ length: 360 }, (_, index) => index),
        359,
        60,
      ),
    ).toHaveLength(60);
  });
});

describe('longrun usage', () => {
  const web = '/shop/web' as AppId;
  const beganMs = Date.UTC(2026, 0, 31, 10);
  const point = (index: number): UsagePoint => ({
    atMs: beganMs + index * 10_000,
    instances: 1,
    cpus: [0.1, 0.2, 0.3][index % 3] ?? 0,
    memMiB: 60,
    peakCpus: 0.3,
    peakMemMiB: 61,
    throttled: index === 5 ? 0.25 : 0,
    requestedCpus: 1,
    requestedMemMiB: 512,
  });
  let points: readonly UsagePoint[] = [];
  let now: readonly TaskNow[] = [];
  let world: ApiWorld;
  let text = '';
  const io = (terminal: boolean): CommandIo => ({
    out: (line) => {
      text += `${line}\n`;
    },
    err: () => undefined,
    raw: () => undefined,
    readText: () => Promise.reject(new Error('no files here')),
    terminal,
    interrupted: new AbortController().signal,
  });
  const run = async (terminal = false, json = false): Promise<string> => {
    text = '';
    await appUsage(new RestClient(world.url), io(terminal), { id: web, resolution: '10s', json });
    return text;
  };

  beforeEach(async () => {
    const instance = running(web, 1);
    world = await new ApiWorld().start({ usage: { points: async () => points, now: () => now } });
    world.registry.put(record(web, { cpus: 1, mem: 512 }));
    world.scheduler.add(instance);
    points = Array.from({ length: 60 }, (_, index) => point(index));
    const taskId = String(instance.task?.id);
    const usage = { taskId, seconds: 10, cpus: 0.2, throttled: 0, memoryBytes: 60 * 2 ** 20, threads: 4 };
    now = [{ usage, atMs: beganMs + 600_000 }];
  });
  afterEach(() => world.stop());

  it('shows use beside request, each task, and the right size with its request', async () => {
    const shown = await run();
    expect(shown).toMatch(/^cpus +0\.2 +1 +0\.3 +0\.3$/m);
    expect(shown).toMatch(/^mem MiB +60 +512 +60 +61$/m);
    expect(shown).toContain('Held back by its quota up to 25 % of the time.');
    expect(shown).toMatch(/shop_web\.instance-\S+ +host-1 +0\.2 +60 +- +- +4 +-/);
    expect(shown).toContain('Size: too-much.');
    expect(shown).toContain('would free 0.6 cpus and 432 MiB.');
    expect(shown).toContain('PATCH /v2/apps/shop/web {"cpus":0.4,"mem":80}');
    expect(shown).not.toContain('▁');
  });

  it('draws it over time on a terminal, with a gap where nothing was seen', async () => {
    points = points.filter((_, index) => index < 10 || index > 20);
    const drawn = /^cpus {2}(.+)$/m.exec((await run(true)).replace(/\n.*NOW.*\n.*\n/, '\n'))?.[1] ?? '';
    expect(drawn).toHaveLength(60);
    expect(drawn.slice(10, 21).trim()).toBe('');
    expect(drawn).toContain('█');
  });

  it('says when nothing is known yet, and gives the answer as it is to programs', async () => {
    expect(JSON.parse(await run(false, true))).toMatchObject({ id: web, resolution: '10s' });
    points = [];
    expect(await run()).toContain('Nothing is known of its use yet');
  });
});
