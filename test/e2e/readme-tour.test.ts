import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packageRoot } from '../support/package-root.js';
import { waitFor } from '../support/wait-for.js';
import { Longrun } from './support/longrun.js';

const root = packageRoot();

/** The numbered steps of the README's five minutes, as written. */
function stepsOfReadme(): readonly string[] {
  const readme = readFileSync(join(root, 'README.md'), 'utf8');
  const minutes = /## Five minutes\n([\s\S]*?)\n## /.exec(readme)?.[1] ?? '';
  const block = /```\n(alias[\s\S]*?)```/.exec(minutes)?.[1] ?? '';
  return block.split(/^(?=# \d+\. )/m).slice(1);
}

/** Every command of the README's tour, literally; only names and ports that others on this host may have are replaced. */
describe("the README's five minutes", () => {
  const folder = mkdtempSync(join(tmpdir(), 'longrun-readme-'));
  const steps = stepsOfReadme();
  let longrun: Longrun;
  const translate = (text: string): string => {
    const { ready, firstServicePort: first } = longrun;
    return text
      .replaceAll('http://127.0.0.1:8080', ready.api)
      .replaceAll('http://127.0.0.1:9080', ready.lb)
      .replaceAll('http://127.0.0.1:9090', ready.stats)
      .replace(/\b100(00|10|11)\b/g, (_, last: string) => String(first + Number(last)))
      .replaceAll('Hello from', `Hello from ${first}:`);
  };

  beforeAll(async () => {
    longrun = await Longrun.start();
    cpSync(join(root, 'examples'), join(folder, 'examples'), { recursive: true });
    for (const name of readdirSync(join(folder, 'examples'))) {
      const file = join(folder, 'examples', name);
      writeFileSync(file, translate(readFileSync(file, 'utf8')));
    }
  }, 40_000);
  afterAll(async () => {
    await longrun.destroy();
    rmSync(folder, { recursive: true, force: true });
  }, 60_000);

  /** Does a step in a shell that ends at the first command that fails, answers of 4xx and 5xx included. */
  const walk = (number: number): string => {
    const step = steps[number - 1] ?? '';
    expect(step).toMatch(new RegExp(`^# ${number}\\. `));
    const { status, stdout, stderr } = spawnSync('bash', ['-euo', 'pipefail', '-s'], {
      cwd: folder,
      encoding: 'utf8',
      env: { ...process.env, LONGRUN_URL: longrun.ready.api, LONGRUN_WORK_DIR: longrun.workDir },
      input: `longrun() { '${process.execPath}' '${join(root, 'bin/longrun.js')}' "$@"; }
curl() { command curl -sS --fail-with-body --retry 8 "$@"; echo; }
${translate(step)}`,
      timeout: 60_000,
    });
    expect({ step, status, stdout, stderr }).toMatchObject({ status: 0 });
    return stdout;
  };

  it('post, look, reach and scale an app', async () => {
    expect(steps).toHaveLength(9);
    expect(walk(1)).toMatch(/"id":"\/hello"[\s\S]*\/hello +\d\/1/);
    expect(walk(2)).toMatch(/^Hello from \d+: hello\.instance-/);
    walk(3);
    expect((await longrun.settled('/hello')).tasksHealthy).toBe(4);
  }, 90_000);

  it('kill a process and see it come back, with its output and the statistics', async () => {
    const before = (await longrun.app('/hello'))?.tasks.map(({ id }) => id) ?? [];
    expect(walk(4)).toContain('/hello');
    await waitFor(
      async () => {
        const app = await longrun.app('/hello');
        return app?.tasksHealthy === 4 && app.tasks.some(({ id }) => !before.includes(id));
      },
      { timeoutMs: 20_000, what: 'the replacement' },
    );
    expect(walk(5)).toMatch(/listening on \d+[\s\S]*# pxname,svname[\s\S]*,BACKEND,/);
  }, 90_000);

  it('ask for too much, read why it waits, and take it back without touching an instance', async () => {
    const before = (await longrun.app('/hello'))?.tasks.map(({ id }) => id).sort();
    expect(walk(6)).toContain('needs 1000 cpus');
    expect(walk(7)).toContain('4 running of 4 wanted');
    const after = await longrun.settled('/hello');
    expect(after.tasks.map(({ id }) => id).sort()).toEqual(before);
  }, 90_000);

  it('run apps that depend on each other and a worker, then stop everything', async () => {
    expect(walk(8)).toMatch(/2 apps: done[\s\S]*The shop is open: 42 items[\s\S]*apps +4/);
    expect(walk(9)).toMatch(/removal of \/hello: done[\s\S]*longrun is down/);
  }, 90_000);
});
