import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../support/package-root.js';
import { waitFor } from '../support/wait-for.js';
import { RunningCommand, runCommand } from './support/command.js';
import { Longrun } from './support/longrun.js';

const root = packageRoot();
const example = (name: string): string => join(root, 'examples', name);

describe('the command line', () => {
  let longrun: Longrun;
  const url = (): string[] => ['--url', longrun.ready.api];
  /** Runs a command that must succeed. */
  const run = (...args: string[]): string => {
    const { status, out, err } = runCommand([...args, ...url()]);
    expect({ args, status, err }).toEqual({ args, status: 0, err });
    return out;
  };
  beforeAll(async () => {
    longrun = await Longrun.start();
  }, 40_000);
  afterAll(async () => longrun.destroy(), 60_000);

  it('walks the tour: run, list, show, scale, logs, restart, why, rm', async () => {
    expect(run('app', 'list')).toContain('No apps');
    expect(run('app', 'run', example('worker.json'))).toContain('/worker');
    expect(run('app', 'list')).toMatch(/\/worker\s+2\/2/);
    run('app', 'scale', '/worker', '3');
    const shown = run('app', 'show', '/worker');
    expect(shown).toContain('3 running of 3 wanted');
    const taskId = /^worker\S+/m.exec(shown)?.[0] ?? '';
    expect(taskId).toContain('worker.instance-');
    await waitFor(() => run('logs', '/worker').includes('job 1 of'), { what: 'output of the tasks' });
    expect(run('logs', taskId, '-n', '10', '--stream', 'stdout')).toContain(`job 1 of ${taskId}`);
    expect(run('why', '/worker')).toContain('Everything is as wanted');
    expect(run('status')).toMatch(/apps\s+1/);
    const restarted = run('app', 'restart', '/worker');
    expect(restarted).toContain('/worker');
    expect(run('app', 'show', '/worker')).not.toContain(taskId);
    run('app', 'rm', '/worker');
    expect(run('app', 'list')).toContain('No apps');
  }, 90_000);

  it('starts two apps that depend on each other in one deployment', () => {
    expect(run('app', 'run', example('two-apps.json'))).toContain('2 apps');
    const list = run('app', 'list');
    expect(list).toMatch(/\/shop\/backend\s+2\/2\s+2\/2/);
    expect(list).toMatch(/\/shop\/frontend\s+1\/1\s+1\/1/);
    run('app', 'rm', '/shop/frontend');
    run('app', 'rm', '/shop/backend');
  }, 60_000);

  it('follows the output of an app, also of tasks that come later', async () => {
    run('app', 'run', example('worker.json'));
    const follower = new RunningCommand(['logs', '-f', '/worker', ...url()]);
    follower.start();
    await waitFor(() => follower.output.includes('job 1 of'), { what: 'the first lines' });
    run('app', 'restart', '/worker');
    const { tasks } = (await longrun.app('/worker')) ?? { tasks: [] };
    await waitFor(() => tasks.every(({ id }) => follower.output.includes(`job 1 of ${id}`)), {
      timeoutMs: 15_000,
      what: () => `the new tasks' lines in\n${follower.output}`,
    });
    await follower.end('SIGINT');
    run('app', 'rm', '/worker');
  }, 60_000);

  it('explains what an app waits for', async () => {
    expect(runCommand(['app', 'run', '-', '--no-wait', ...url()]).status).toBe(1);
    await longrun.request('POST', '/v2/apps', {
      id: '/greedy',
      cmd: 'sleep 1',
      cpus: 1000,
      mem: 16,
      portDefinitions: [],
    });
    await waitFor(() => /too few cpus|cpus/.test(run('why', '/greedy')), { what: 'the reason' });
    expect(run('status')).toContain('/greedy');
    expect(
      runCommand(['app', 'scale', '/greedy', '2', '--timeout', '1', '--force', ...url()]).status,
    ).not.toBe(0);
    run('app', 'rm', '/greedy');
  }, 40_000);

  it('refuses with a sentence that says what is right', () => {
    const refusals: readonly (readonly [readonly string[], RegExp])[] = [
      [['app', 'show', '/nowhere', ...url()], /App '\/nowhere' does not exist/],
      [['app', 'scale', '/x', 'many', ...url()], /whole number/],
      [['app', 'run', join(root, 'README.md'), ...url()], /JSON/],
      [['status', '--url', 'http://127.0.0.1:1'], /127\.0\.0\.1:1/],
      [['up', '--http-prot', '0'], /unknown option '--http-prot'[\s\S]*--http-port/],
      [['up', '--http-port', '99999', '--work-dir', longrun.workDir], /--http-port '99999'.*1 to 65535/],
      [
        ['up', '--log-level', 'loud', '--work-dir', longrun.workDir],
        /--log-level 'loud'.*debug, info, warn, error/,
      ],
      [['up', '--service-ports', '20-10', '--work-dir', longrun.workDir], /--service-ports 20-10/],
      [
        ['up', '--address', '0.0.0.0', '--authentication', 'off', '--work-dir', longrun.workDir],
        /--insecure/,
      ],
      [['up', '--config', '/nonexistent.yaml'], /does not exist/],
      [['agent', '--lb-workers', '2'], /unknown option/],
      [['nonsense'], /unknown command 'nonsense'/],
    ];
    for (const [args, words] of refusals) {
      const { status, err } = runCommand(args);
      expect({ args, refused: status !== 0, err }).toEqual({
        args,
        refused: true,
        err: expect.stringMatching(words),
      });
      expect(err).not.toMatch(/\n\s+at /);
    }
    const unknown = runCommand(['status', ...url()], { LONGRUN_HTTP_PROT: '1' });
    expect(unknown.status === 0 || /LONGRUN_HTTP_PORT/.test(unknown.err)).toBe(true);
    const wrong = runCommand(['doctor'], { LONGRUN_HTTP_PROT: '1' });
    expect({ status: wrong.status, err: wrong.err }).toEqual({
      status: 2,
      err: expect.stringContaining("did you mean 'LONGRUN_HTTP_PORT'"),
    });
  }, 60_000);

  it('teaches: every command has a help with a description', () => {
    const top = runCommand(['--help']).out;
    const commands = [
      'up',
      'server',
      'agent',
      'proxy',
      'status',
      'app',
      'logs',
      'why',
      'down',
      'doctor',
      'backup',
      'restore',
    ];
    for (const command of commands) expect(top).toMatch(new RegExp(`^  ${command}\\b`, 'm'));
    const all = [
      ...commands.map((command) => [command]),
      ...['list', 'show', 'run', 'scale', 'restart', 'rm'].map((command) => ['app', command]),
    ];
    for (const command of all) {
      const { status, out } = runCommand([...command, '--help']);
      expect({ command, status }).toEqual({ command, status: 0 });
      expect(out).toMatch(/^Usage: longrun .+\n\n\S.{10,}/);
    }
    expect(runCommand(['--version']).out).toMatch(/^\d+\.\d+\.\d+\n$/);
  }, 60_000);

  it('examines the machine and says what to do', () => {
    const { out, status } = runCommand(['doctor', '--work-dir', longrun.workDir]);
    expect([0, 1]).toContain(status);
    expect(out).toContain(`in use by process ${longrun.ready.pids.parent}`);
    const findings = JSON.parse(runCommand(['doctor', '--json', '--work-dir', longrun.workDir]).out) as {
      what: string;
      verdict: string;
      advice?: string;
    }[];
    expect(findings.map(({ what }) => what)).toEqual(
      expect.arrayContaining(['Node.js', 'work dir', 'cgroups', 'open files', 'setpriv']),
    );
    for (const { what, verdict, advice } of findings)
      expect({ what, advised: verdict === 'ok' || (advice ?? '').length > 0 }).toEqual({
        what,
        advised: true,
      });
  }, 20_000);

  it('prints JSON for programs', () => {
    for (const args of [['status'], ['app', 'list']])
      expect(() => JSON.parse(run(...args, '--json')) as unknown).not.toThrow();
  });

  it('shows no example in the README that is not there', () => {
    const readme = readFileSync(join(root, 'README.md'), 'utf8');
    for (const [, name] of readme.matchAll(/examples\/([\w.-]+)/g))
      expect(() => readFileSync(example(name ?? ''))).not.toThrow();
  });

  it('ends everything by `down`', async () => {
    const { status, out } = runCommand(['down', '--work-dir', longrun.workDir, ...url()]);
    expect({ status, down: out.includes('longrun is down') }).toEqual({ status: 0, down: true });
    await waitFor(() => longrun.ownPids().length === 0, {
      what: () => `nothing to be left, but ${longrun.ownPids().join(' ')}`,
    });
  }, 30_000);
});
