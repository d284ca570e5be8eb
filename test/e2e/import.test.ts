import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OldMarathon } from '../cli/support/old-marathon.js';
import { packageRoot } from '../support/package-root.js';
import { Longrun } from './support/longrun.js';

interface Report {
  readonly apps: readonly { readonly id: string; readonly outcome: string }[];
}
type AppInfo = Record<string, unknown> & { readonly id: string; readonly tasksRunning: number };

/** What a definition says, without what time and place add. */
function definitionOf(app: AppInfo): Record<string, unknown> {
  const {
    version,
    versionInfo,
    tasksStaged,
    tasksRunning,
    tasksHealthy,
    tasksUnhealthy,
    deployments,
    ...said
  } = app;
  const { tasks, waiting, notServed, warnings, lastTaskFailure, ...definition } = said;
  return definition;
}

describe('moving in', () => {
  let longrun: Longrun;
  let folder: string;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'longrun-import-'));
    longrun = await Longrun.start();
  }, 40_000);
  afterAll(async () => {
    rmSync(folder, { recursive: true, force: true });
    await longrun.destroy();
  }, 60_000);

  /** Runs `import` to its end, with the fake of this very process as its source. */
  function runImport(
    source: string,
    to: Longrun,
    ...flags: string[]
  ): Promise<{ code: number | null; out: string; json: string }> {
    const bin = join(packageRoot(), 'bin/longrun.js');
    const args = [
      bin,
      'import',
      source,
      '--url',
      to.ready.api,
      '--aside',
      join(folder, 'aside.json'),
      ...flags,
    ];
    return new Promise((resolve) => {
      const child = execFile(process.execPath, args, { cwd: folder, timeout: 60_000 }, (_error, out, err) =>
        resolve({ code: child.exitCode, out: out + err, json: out }),
      );
    });
  }
  const apps = async (of: Longrun): Promise<readonly AppInfo[]> => {
    const { body } = await of.request<{ apps: readonly AppInfo[] }>('GET', '/v2/apps');
    return [...body.apps].sort((a, b) => (a.id < b.id ? -1 : 1));
  };

  it('takes what runs here, keeps the rest aside, does it once, and goes from longrun to longrun', async () => {
    const marathon = await new OldMarathon().start();
    try {
      const planned = await runImport(marathon.url, longrun, '--dry-run');
      expect(planned).toMatchObject({
        code: 5,
        out: expect.stringContaining('/shop/web  would be imported'),
      });
      expect(await apps(longrun)).toEqual([]);

      const first = await runImport(marathon.url, longrun);
      expect(first).toMatchObject({ code: 5, out: expect.stringContaining('/legacy/bridged  KEPT ASIDE') });
      expect((await apps(longrun)).map(({ id, tasksRunning }) => [id, tasksRunning])).toEqual([
        ['/shop/db', 1],
        ['/shop/web', 1],
        ['/worker', 1],
      ]);
      expect(statSync(join(folder, 'aside.json')).mode & 0o077).toBe(0);
      expect(readFileSync(join(folder, 'aside.json'), 'utf8')).toContain('nginx:1.9');

      const again = await runImport(marathon.url, longrun);
      expect(again.out).toContain('4 apps: 3 already here, 1 KEPT ASIDE');
      expect(marathon.writes).toEqual([]);
    } finally {
      await marathon.stop();
    }

    rmSync(join(folder, 'aside.json'));
    const second = await Longrun.start();
    try {
      const moved = await runImport(longrun.ready.api, second, '--stopped', '--json');
      expect(moved.code).toBe(0);
      expect((JSON.parse(moved.json) as Report).apps.map(({ outcome }) => outcome)).toEqual([
        'new',
        'new',
        'new',
      ]);
      const stopped = (all: readonly AppInfo[]): unknown =>
        all.map((app) => ({ ...definitionOf(app), instances: 0 }));
      expect(stopped(await apps(second))).toEqual(stopped(await apps(longrun)));
      const group = await second.request<{ dependencies: string[] }>('GET', '/v2/groups/shop');
      expect(group.body.dependencies).toEqual(['/worker']);
      expect(existsSync(join(folder, 'aside.json'))).toBe(false);
    } finally {
      await second.destroy();
    }
  }, 120_000);
});
