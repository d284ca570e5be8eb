import {
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { diskBreach, diskLimitMiB } from '../../../src/embedded-mesos/agent/decide/disk-breach.js';
import {
  mountsOf,
  parseHostVolumes,
  wantedVolumes,
} from '../../../src/embedded-mesos/agent/decide/host-volumes.js';
import { stepTask } from '../../../src/embedded-mesos/agent/decide/task-step.js';
import { walkFolder } from '../../../src/embedded-mesos/agent/disk/walk-folder.js';
import type { TaskRecord } from '../../../src/embedded-mesos/agent/task-record.js';
import { removeTree } from '../../../src/embedded-mesos/containers/remove-tree.js';

const MIB = 1024 * 1024;
const facts = { agentId: 'a', ip: '127.0.0.1', wallMs: 0, uuid: '7f6d3a1e-0000-4000-8000-000000000000' };
const record = (more: Partial<TaskRecord> = {}): TaskRecord => ({
  format: 1,
  frameworkId: 'f',
  task: { name: 't', task_id: { value: 't' }, agent_id: { value: 'a' }, resources: [] },
  containerId: 'c',
  phase: 'launching',
  updates: [],
  latest: { task_id: { value: 't' }, state: 'TASK_STAGING' },
  ...more,
});

describe('a task whose files are there', () => {
  it('is launched, once', () => {
    const waiting = record({ fetched: false });
    const step = stepTask(waiting, { type: 'fetched' }, facts);
    expect(step.effects).toEqual([{ type: 'launch-container' }]);
    expect(step.record).toMatchObject({ fetched: true, phase: 'launching' });
    expect(stepTask(step.record, { type: 'fetched' }, facts).effects).toEqual([]);
  });

  it('is not launched when it was killed meanwhile', () => {
    const killed = stepTask(record({ fetched: false }), { type: 'kill', graceMs: 5 }, facts).record;
    const step = stepTask(killed, { type: 'fetched' }, facts);
    expect(step.effects).not.toContainEqual({ type: 'launch-container' });
    expect(step.record.latest).toMatchObject({
      state: 'TASK_KILLED',
      reason: 'REASON_TASK_KILLED_DURING_LAUNCH',
    });
  });
});

describe('a task that takes more of the disk than it may', () => {
  const breach = diskBreach({ bytes: 3 * MIB }, 2);

  it('fails with use and limit', () => {
    expect(breach).toMatchObject({ state: 'TASK_FAILED', message: 'Disk usage (3MB) exceeds quota (2MB)' });
    expect(diskBreach({ bytes: 2 * MIB }, 2)).toBeUndefined();
    expect(diskBreach({ bytes: 1, incomplete: 'too deep' }, 2)?.message).toContain('too deep to be measured');
  });

  it('is ended at once, for that reason and no other', () => {
    if (!breach) throw new Error('no breach');
    const step = stepTask(record({ phase: 'running' }), { type: 'breached', outcome: breach }, facts);
    expect(step.effects).toEqual([{ type: 'kill-container', graceMs: 0 }]);
    const end = { exit: { signal: 9 }, use: { cpuSeconds: 1 } };
    expect(stepTask(step.record, { type: 'ended', end }, facts).record.latest).toMatchObject({
      state: 'TASK_FAILED',
      reason: 'REASON_CONTAINER_LIMITATION_DISK',
      labels: { labels: [{ key: 'longrun.cpu-seconds', value: '1' }] },
    });
  });

  it('was killed when that was asked for before', () => {
    if (!breach) throw new Error('no breach');
    const killed = stepTask(record({ phase: 'running' }), { type: 'kill', graceMs: 5 }, facts).record;
    expect(stepTask(killed, { type: 'breached', outcome: breach }, facts)).toEqual({
      record: killed,
      effects: [],
    });
  });

  it('may take what it likes when it asked for nothing', () => {
    expect(diskLimitMiB([])).toBeUndefined();
    expect(diskLimitMiB([{ name: 'disk', type: 'SCALAR', scalar: { value: 0 } }])).toBeUndefined();
  });
});

describe('the size of a folder', () => {
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'longrun-size-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('counts each file once, whatever its names, and nothing behind links', () => {
    const sandbox = join(folder, 'sandbox');
    mkdirSync(join(sandbox, 'deep/er'), { recursive: true });
    mkdirSync(join(folder, 'outside'));
    writeFileSync(join(folder, 'outside/big'), Buffer.alloc(4 * MIB));
    writeFileSync(join(sandbox, 'deep/er/file'), Buffer.alloc(MIB));
    linkSync(join(sandbox, 'deep/er/file'), join(sandbox, 'again'));
    symlinkSync('../outside', join(sandbox, 'out'));
    symlinkSync('../outside/big', join(sandbox, 'big'));
    const { bytes, entries } = walkFolder(sandbox);
    expect(entries).toBe(7);
    expect(bytes).toBeGreaterThanOrEqual(MIB);
    expect(bytes).toBeLessThan(1.1 * MIB);
  });

  it('is not asked of a link in the place of the folder', () => {
    symlinkSync('/', join(folder, 'link'));
    expect(() => walkFolder(join(folder, 'link'))).toThrow();
  });

  it('says when a folder is deeper than is measured', () => {
    // Name by name, since the whole path is longer than any call takes.
    const here = process.cwd();
    try {
      process.chdir(folder);
      for (let depth = 0; depth < 502; depth++) {
        mkdirSync('d');
        process.chdir('d');
      }
    } finally {
      process.chdir(here);
    }
    expect(walkFolder(folder).incomplete).toBe('too deep');
  });
});

describe('a sandbox that is removed', () => {
  it('takes nothing with it that its links lead to', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'longrun-removed-'));
    mkdirSync(join(folder, 'outside/kept'), { recursive: true });
    mkdirSync(join(folder, 'sandbox/deep'), { recursive: true });
    writeFileSync(join(folder, 'outside/kept/file'), 'kept');
    symlinkSync('../../outside', join(folder, 'sandbox/deep/out'));
    symlinkSync(join(folder, 'outside/kept/file'), join(folder, 'sandbox/file'));
    await removeTree(join(folder, 'sandbox'));
    await removeTree(join(folder, 'sandbox'));
    expect(readdirSync(folder)).toEqual(['outside']);
    expect(readFileSync(join(folder, 'outside/kept/file'), 'utf8')).toBe('kept');
    rmSync(folder, { recursive: true });
  });
});

describe('volumes of the host', () => {
  const allowed = parseHostVolumes('/srv/data, /etc/ssl:ro,');
  const volume = (hostPath: string, readOnly = true, realPath: string | undefined = hostPath) => ({
    hostPath,
    containerPath: 'in',
    readOnly,
    realPath,
  });
  const verdict = (...volumes: ReturnType<typeof volume>[]) =>
    mountsOf(volumes, allowed, '/srv/data/longrun');

  it('are mounted when all of them lie where the operator allows it', () => {
    expect(verdict(volume('/srv/data/a', false), volume('/etc/ssl'))).toEqual({
      mounts: [
        { source: '/srv/data/a', target: 'in', readOnly: false },
        { source: '/etc/ssl', target: 'in', readOnly: true },
      ],
    });
  });

  it.each([
    ['elsewhere', volume('/srv/database')],
    ['for writing what may be read', volume('/etc/ssl/private', false)],
    ['of the agent', volume('/srv/data/longrun/agent')],
    ['around the agent', volume('/srv/data')],
    ['behind a link', volume('/srv/data/link', true, '/etc/shadow')],
    ['relative', volume('data')],
  ])('are refused %s', (_, wanted) => {
    expect(verdict(volume('/srv/data/good'), wanted)).toMatchObject({ refusal: { state: 'TASK_FAILED' } });
  });

  it('are read from both forms of a task', () => {
    const volumes = [
      { mode: 'RO', container_path: 'a', host_path: '/x' },
      { mode: 'RW', container_path: 'b', source: { type: 'HOST_PATH', host_path: { path: '/y' } } },
      { mode: 'RW', container_path: 'c', source: { type: 'SANDBOX_PATH', sandbox_path: { path: 'z' } } },
    ] as const;
    expect(wantedVolumes({ container: { type: 'MESOS', volumes } })).toEqual([
      { hostPath: '/x', containerPath: 'a', readOnly: true },
      { hostPath: '/y', containerPath: 'b', readOnly: false },
    ]);
  });

  it('are told when the flag makes no sense', () => {
    expect(() => parseHostVolumes('data')).toThrow("'data' is no absolute path");
  });
});
