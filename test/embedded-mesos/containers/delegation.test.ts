import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CgroupVersion2 } from '../../../src/embedded-mesos/containers/isolation/cgroup-version2.js';

/** Files as the kernel has them in a group; that it takes what is written is seen in test:vm. */
describe('a group that was delegated', () => {
  let group: string;

  beforeEach(() => {
    group = mkdtempSync(join(tmpdir(), 'longrun-delegated-'));
    writeFileSync(join(group, 'cgroup.procs'), '4242\n4243\n');
    writeFileSync(join(group, 'cgroup.subtree_control'), '');
    mkdirSync(join(group, 'sandboxes'));
  });
  afterEach(() => rmSync(group, { recursive: true, force: true }));

  const setUp = (): void => new CgroupVersion2(group, 'instance', 100, 2).setUp(join(group, 'sandboxes'));
  const moved = (): boolean => existsSync(join(group, 'longrun-host/cgroup.procs'));

  it('is emptied of processes before it hands controllers on: else they are threads’ only, and memory not among them', () => {
    writeFileSync(join(group, 'cgroup.type'), 'domain\n');
    setUp();
    expect(moved()).toBe(true);
    expect(readFileSync(join(group, 'longrun/cgroup.subtree_control'), 'utf8')).toContain('+io');
  });

  it('is left as it is when it is the root of all: there processes and controllers get along', () => {
    setUp();
    expect(moved()).toBe(false);
  });
});
