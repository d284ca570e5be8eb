import fc from 'fast-check';
import { findAccount } from '../../../src/embedded-mesos/containers/decide/account.js';
import {
  raisesMemory,
  version1Writes,
  version2Writes,
} from '../../../src/embedded-mesos/containers/decide/cgroup-values.js';
import { endZoneBytes, nextOutputStep } from '../../../src/embedded-mesos/containers/decide/cut-output.js';
import {
  exitMessage,
  exitOfShellStatus,
} from '../../../src/embedded-mesos/containers/decide/exit-meaning.js';
import {
  commandFault,
  isTasksOwnProgram,
  launchMark,
  programIn,
} from '../../../src/embedded-mesos/containers/decide/launch-script.js';
import { cgroupHierarchies } from '../../../src/embedded-mesos/containers/decide/mount-table.js';
import { memoryLimitation } from '../../../src/embedded-mesos/containers/decide/out-of-memory.js';
import { ownGroup } from '../../../src/embedded-mesos/containers/decide/own-group.js';
import { parseOomKills } from '../../../src/embedded-mesos/containers/decide/proc-text.js';
import { conditionOf, readRecords } from '../../../src/embedded-mesos/containers/decide/record.js';

const values = (writes: readonly { file: string; value: string }[]): Record<string, string> =>
  Object.fromEntries(writes.map(({ file, value }) => [file, value]));

describe('limits of a container', () => {
  it('become the values that Mesos writes in version 1', () => {
    expect(values(version1Writes({ cpus: 0.5, memMiB: 64 }, 100, 'new'))).toEqual({
      'cpu.shares': '512',
      'memory.soft_limit_in_bytes': '67108864',
      'memory.limit_in_bytes': '67108864',
      'memory.memsw.limit_in_bytes': '67108864',
      'memory.swappiness': '0',
      'pids.max': '100',
    });
    expect(
      values(version1Writes({ cpus: 0.001, memMiB: 1, cpusLimit: 0.001, memLimitMiB: 128 }, 9, 'new')),
    ).toMatchObject({
      'cpu.shares': '2',
      'cpu.cfs_quota_us': '1000',
      'memory.soft_limit_in_bytes': '33554432',
      'memory.limit_in_bytes': '134217728',
    });
  });

  it('become the values that Mesos writes in version 2', () => {
    expect(values(version2Writes({ cpus: 0.5, memMiB: 64 }, 100))).toEqual({
      'cpu.weight': '50',
      'cpu.max': 'max 100000',
      'memory.low': '67108864',
      'memory.max': '67108864',
      'memory.swap.max': '0',
      'memory.oom.group': '1',
      'pids.max': '100',
    });
    const infinite = values(
      version2Writes({ cpus: 1000, memMiB: 64, cpusLimit: 2, memLimitMiB: Number.POSITIVE_INFINITY }, 1),
    );
    expect(values(version2Writes({ cpus: 1, memMiB: 64, pids: 7 }, 100))).toMatchObject({ 'pids.max': '7' });
    expect(infinite).toMatchObject({
      'cpu.weight': '10000',
      'cpu.max': '200000 100000',
      'memory.max': 'max',
      'memory.swap.max': 'max',
    });
  });

  it('write the two memory limits in the order that the kernel accepts', () => {
    const order = (made: 'new' | 'raised'): string[] =>
      version1Writes({ cpus: 1, memMiB: 64 }, 1, made)
        .map(({ file }) => file)
        .filter((file) => /^memory\.(memsw\.)?limit/.test(file));
    expect(order('new')).toEqual(['memory.limit_in_bytes', 'memory.memsw.limit_in_bytes']);
    expect(order('raised')).toEqual(['memory.memsw.limit_in_bytes', 'memory.limit_in_bytes']);
  });

  it('never lower the memory of a running task', () => {
    expect(raisesMemory(64 * 1024 * 1024, { cpus: 1, memMiB: 48 })).toBe(false);
    expect(raisesMemory(64 * 1024 * 1024, { cpus: 1, memMiB: 65 })).toBe(true);
  });
});

describe('cutting output into files', () => {
  const chunkOf = (text: string): Uint8Array => Buffer.from(text);

  /** Runs whole chunks through the decision, as the pump does. */
  function write(chunks: readonly string[], limitBytes: number): string[] {
    const files = [''];
    for (const text of chunks) {
      const chunk = chunkOf(text);
      let from = 0;
      for (let steps = 0; from < chunk.length; steps++) {
        expect(steps).toBeLessThan(10_000);
        const current = files.at(-1) ?? '';
        const step = nextOutputStep(
          { sizeBytes: current.length, atLineStart: current === '' || current.endsWith('\n') },
          chunk,
          from,
          limitBytes,
        );
        files[files.length - 1] = current + text.slice(from, from + step.takeBytes);
        from += step.takeBytes;
        if (step.thenRotate) files.push('');
      }
    }
    return files;
  }

  it('loses nothing, exceeds no file, and cuts no line that fits the end zone', () => {
    const limit = 400;
    const line = fc
      .integer({ min: 0, max: endZoneBytes(limit) - 1 })
      .map((length) => `${'x'.repeat(length)}\n`);
    const text = fc.array(line, { maxLength: 60 }).map((all) => all.join(''));
    fc.assert(
      fc.property(text, fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1 }), (whole, sizes) => {
        const chunks: string[] = [];
        for (let at = 0, n = 0; at < whole.length; n++) {
          const size = sizes[n % sizes.length] ?? 1;
          chunks.push(whole.slice(at, at + size));
          at += size;
        }
        const files = write(chunks, limit);
        expect(files.join('')).toBe(whole);
        for (const file of files) expect(file.length).toBeLessThanOrEqual(limit);
        for (const file of files.slice(0, -1)) expect(file.endsWith('\n')).toBe(true);
      }),
    );
  });

  it('cuts a line that no file can hold', () => {
    expect(write(['y'.repeat(1000)], 400).map(({ length }) => length)).toEqual([400, 400, 200]);
  });
});

describe('records of a container', () => {
  const alive = (): boolean => true;

  it('count only when they are whole', () => {
    const whole = '1 exited 7 end\n';
    for (let cut = 0; cut < whole.length - 1; cut++)
      expect(readRecords({ exit: whole.slice(0, cut) }).exit).toBeUndefined();
    expect(readRecords({ exit: whole }).exit).toEqual({ exit: { code: 7 } });
    expect(readRecords({ exit: '2 exited 7 end\n' }).exit).toBeUndefined();
  });

  it('say where it stands', () => {
    const supervisor = '1 10 100 end\n';
    const task = '1 11 101 end\n';
    expect(conditionOf(readRecords({}), alive)).toBe('unclaimed');
    expect(conditionOf(readRecords({ supervisor: '' }), alive)).toBe('claimed');
    expect(conditionOf(readRecords({ supervisor: '1 cancelled end\n' }), alive)).toBe('cancelled');
    expect(conditionOf(readRecords({ supervisor }), alive)).toBe('claimed');
    expect(conditionOf(readRecords({ supervisor, task }), alive)).toBe('forked');
    expect(conditionOf(readRecords({ supervisor, task }), () => false)).toBe('lost');
    expect(conditionOf(readRecords({ supervisor, task, exit: '1 exited 0 end\n' }), () => false)).toBe(
      'over',
    );
    expect(readRecords({ exit: '1 failed cgroup end\n' }).exit).toEqual({
      failure: 'its process could not be moved into its cgroup',
    });
  });
});

describe('what the kernel and the shell say', () => {
  it('exit statuses above 128 are signals', () => {
    expect(exitMessage(exitOfShellStatus(0))).toBe('Command exited with status 0');
    expect(exitMessage(exitOfShellStatus(127))).toBe('Command exited with status 127');
    expect(exitMessage(exitOfShellStatus(137))).toBe('Command terminated with signal Killed');
    expect(exitMessage(exitOfShellStatus(139))).toBe('Command terminated with signal Segmentation fault');
    expect(exitMessage(exitOfShellStatus(255))).toBe('Command exited with status 255');
  });

  it('hierarchies are found in the mount table, blanks in their paths included', () => {
    const mountinfo = [
      '30 25 0:26 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu,cpuacct',
      '31 25 0:27 / /my\\040groups rw - cgroup cgroup rw,name=systemd',
      '32 25 0:28 / /sys/fs/cgroup/unified rw shared:4 - cgroup2 cgroup2 rw,nsdelegate',
      '33 25 0:29 / /proc rw - proc proc rw',
    ].join('\n');
    expect(cgroupHierarchies(mountinfo)).toEqual([
      { version: 1, mountPoint: '/sys/fs/cgroup/cpu', controllers: ['cpu', 'cpuacct'] },
      { version: 1, mountPoint: '/my groups', controllers: ['name=systemd'] },
      { version: 2, mountPoint: '/sys/fs/cgroup/unified', controllers: [] },
    ]);
  });

  it('out-of-memory kills are counted where the kernel counts them', () => {
    expect(parseOomKills('nr_free_pages 1\noom_kill 12\nnuma_hit 3\n')).toBe(12);
    expect(parseOomKills('nr_free_pages 1\n')).toBeUndefined();
  });

  it('the memory message names sizes, statistics and the largest processes', () => {
    const facts = {
      limitBytes: 32 * 1024 * 1024,
      maxUsedBytes: 32 * 1024 * 1024,
      statistics: 'cache 0\nrss 1\n',
    };
    const sizes = [
      { pid: 7, name: 'small', rssBytes: 1024 * 1024 },
      { pid: 8, name: 'large', rssBytes: 9 * 1024 * 1024 },
    ];
    expect(memoryLimitation(facts, sizes).message).toBe(
      'Memory limit exceeded: Requested: 32MB Maximum Used: 32MB\n\nMEMORY STATISTICS: \ncache 0\nrss 1\n\nLARGEST PROCESSES LEFT: \nlarge (pid 8): 9MB\nsmall (pid 7): 1MB\n',
    );
  });

  it('users are found by name or number, with their groups', () => {
    const passwd = 'root:x:0:0:root:/root:/bin/sh\nweb:x:1000:100::/home/web:/bin/sh\nodd:x:::::\n';
    const group = 'users:x:100:\nadm:x:4:root,web\nlog:x:5:webber\n';
    expect(findAccount('web', passwd, group)).toEqual({ name: 'web', uid: 1000, gid: 100, groups: [100, 4] });
    expect(findAccount('1000', passwd, group)?.name).toBe('web');
    expect(findAccount('odd', passwd, group)).toBeUndefined();
    expect(findAccount('nobody', passwd, group)).toBeUndefined();
  });

  it('a task’s own program is told from all that comes before it', () => {
    const own = (...words: string[]): boolean =>
      isTasksOwnProgram(`${words.join('\0')}\0`, 'c1', '/run/runtime');
    expect(own('sh', '/run/runtime/supervisor-1.sh', '/run', 'c1')).toBe(false);
    expect(own('/bin/sh', '/run/runtime/launcher-2.sh', '/run')).toBe(false);
    expect(own('setsid', 'setpriv', '--reuid', '1', '/bin/sh', '-s', launchMark('c1'))).toBe(false);
    expect(own('/bin/sh', '-s', launchMark('c1'))).toBe(false);
    expect(isTasksOwnProgram('', 'c1', '/run/runtime')).toBe(false);
    expect(own('/bin/sh', '-c', 'sleep 1')).toBe(true);
  });

  it('a task’s own program is told from the launch by where its input and output lead, without its command line', () => {
    const id = 'c1';
    const plain = { id, environment: [{ name: 'PORT', value: '1' }] };
    const [stdin, stdout] = ['/dev/null', `/run/pipes/${id}.stdout`];
    const shell = Buffer.byteLength(`/bin/sh\0-s\0${launchMark(id)}\0`);
    expect(programIn({ stdin, stdout, commandBytes: 9 }, plain)).toBe('own');
    // Still the shell that waited for its orders, or the launcher's.
    expect(programIn({ stdin, stdout: '/dev/null', commandBytes: 9 }, plain)).toBe('unclear');
    expect(programIn({ stdin: `/run/scripts/${id}`, stdout, commandBytes: 9 }, plain)).toBe('launching');
    // The last line of the launch script has opened its input, and is not executed yet, or is just being.
    expect(programIn({ stdin, stdout, commandBytes: shell }, plain)).toBe('unclear');
    expect(programIn({ stdin, stdout, commandBytes: undefined }, plain)).toBe('unclear');
    // env(1) stands between.
    const odd = { id, environment: [{ name: 'A.B', value: '' }] };
    expect(programIn({ stdin, stdout, commandBytes: 9 }, odd)).toBe('unclear');
  });

  it('commands that no shell or kernel can run are refused', () => {
    const command = { shell: true, value: 'true', arguments: [] };
    expect(commandFault({ command, environment: [{ name: 'A.B', value: '' }] })).toBeUndefined();
    expect(commandFault({ command, environment: [{ name: 'A=B', value: '' }] })).toContain('not possible');
    expect(commandFault({ command, environment: [{ name: 'A', value: '\0' }] })).toContain('NUL');
    expect(commandFault({ command: { ...command, value: '' }, environment: [] })).toBe(
      'the command is empty',
    );
  });
});

describe('the cgroup that a process was given', () => {
  const own = (text: string): string | undefined => ownGroup('/sys/fs/cgroup', text);

  it('is told by /proc/self/cgroup', () => {
    expect(own('0::/user.slice/user-1000.slice/longrun.service\n')).toBe(
      '/sys/fs/cgroup/user.slice/user-1000.slice/longrun.service',
    );
    expect(own('1:cpu:/x\n0::/system.slice/longrun.service/longrun-host\n')).toBe(
      '/sys/fs/cgroup/system.slice/longrun.service',
    );
  });

  it('is none at the root, outside of what is seen, or without version 2', () => {
    for (const text of ['0::/\n', '0::/../../other\n', '4:memory:/x\n', '0::/gone (deleted)\n'])
      expect(own(text)).toBeUndefined();
  });
});
