import {
  countedInVersion1,
  countedInVersion2,
  countedOnNetwork,
  ioBytes,
} from '../../../src/embedded-mesos/containers/decide/cgroup-statistics.js';
import { groupsOfProcess } from '../../../src/embedded-mesos/containers/decide/groups-of-process.js';
import { limitStatistics } from '../../../src/embedded-mesos/containers/decide/limit-statistics.js';
import { countedGroupsOf } from '../../../src/embedded-mesos/containers/statistics/process-counters.js';
import { readGroups } from '../../../src/embedded-mesos/containers/statistics/read-groups.js';
import { waitFor } from '../support/patient-wait.js';
import { ContainerWorld, isRoot } from './container-world.js';

const MIB = 1024 * 1024;

describe('counters of a container', () => {
  it('of version 1 are those of Mesos: ticks, nanoseconds, and memory with what lies below', () => {
    const counted = countedInVersion1({
      cpuacctStat: 'user 250\nsystem 50\n',
      cpuStat: 'nr_periods 100\nnr_throttled 25\nthrottled_time 1500000000\n',
      memoryStat:
        'cache 1\nrss 2\ntotal_cache 4096\ntotal_rss 8192\ntotal_mapped_file 12\ntotal_swap 7\ntotal_inactive_file 1024\ntotal_unevictable 5\n',
      memoryUsage: '13312\n',
      memoryPeak: '20480\n',
      pidsCurrent: '9\n',
      ioBytes: '8:0 Read 4096\n8:0 Write 100\n8:0 Sync 1\n8:16 Read 4\n8:16 Total 4\nTotal 4200\n',
      ioOperations: '8:0 Read 2\n',
    });
    expect(counted).toMatchObject({
      cpus_user_time_secs: 2.5,
      cpus_system_time_secs: 0.5,
      cpus_nr_periods: 100,
      cpus_nr_throttled: 25,
      cpus_throttled_time_secs: 1.5,
      mem_total_bytes: 13_312,
      mem_rss_bytes: 8_192,
      mem_cache_bytes: 4_096,
      mem_swap_bytes: 7,
      mem_working_set_bytes: 12_288,
      mem_peak_bytes: 20_480,
      threads: 9,
    });
    expect(counted.blkio_statistics?.throttling).toEqual([
      {
        device: { major_number: 8, minor_number: 0 },
        io_serviced: [{ op: 'READ', value: 2 }],
        io_service_bytes: [
          { op: 'READ', value: 4_096 },
          { op: 'WRITE', value: 100 },
        ],
      },
      {
        device: { major_number: 8, minor_number: 16 },
        io_serviced: [],
        io_service_bytes: [{ op: 'READ', value: 4 }],
      },
      {
        io_serviced: [{ op: 'READ', value: 2 }],
        io_service_bytes: [
          { op: 'READ', value: 4_100 },
          { op: 'WRITE', value: 100 },
        ],
      },
    ]);
    expect([ioBytes(counted, 'READ'), ioBytes(counted, 'DISCARD'), ioBytes({}, 'READ')]).toEqual([
      4_100, 0, 0,
    ]);
  });

  it('of version 2 mean the same by other names', () => {
    const counted = countedInVersion2({
      cpuStat:
        'usage_usec 3\nuser_usec 2500000\nsystem_usec 500000\nnr_periods 100\nnr_throttled 25\nthrottled_usec 1500000\n',
      memoryStat: 'anon 8192\nfile 4096\nfile_mapped 12\ninactive_file 1024\nunevictable 5\n',
      memoryCurrent: '13312\n',
      memoryPeak: '20480\n',
      swapCurrent: '7\n',
      pidsCurrent: '9\n',
      ioStat:
        '8:0 rbytes=4096 wbytes=100 rios=2 wios=1 dbytes=0 dios=0\n8:16 rbytes=4 wbytes=0 rios=1 wios=0 dbytes=0 dios=0\n',
    });
    expect(counted).toMatchObject({
      cpus_user_time_secs: 2.5,
      cpus_system_time_secs: 0.5,
      cpus_throttled_time_secs: 1.5,
      mem_rss_bytes: 8_192,
      mem_working_set_bytes: 12_288,
      mem_swap_bytes: 7,
      mem_peak_bytes: 20_480,
      threads: 9,
    });
    expect([ioBytes(counted, 'READ'), ioBytes(counted, 'WRITE')]).toEqual([4_100, 100]);
  });

  it('leave out what a host does not count, instead of calling it nothing', () => {
    const absent = undefined;
    const nothing = countedInVersion1({
      cpuacctStat: absent,
      cpuStat: absent,
      memoryStat: absent,
      memoryUsage: absent,
      memoryPeak: absent,
      pidsCurrent: absent,
      ioBytes: 'Total 0\n',
      ioOperations: absent,
    });
    expect(nothing).toEqual({});
    const old = countedInVersion2({
      cpuStat: 'user_usec 1\nsystem_usec 1\n',
      memoryStat: 'anon 1\n',
      memoryCurrent: '5\n',
      memoryPeak: absent,
      swapCurrent: absent,
      pidsCurrent: 'max\n',
      ioStat: '',
    });
    expect(Object.keys(old)).not.toEqual(
      expect.arrayContaining(['mem_peak_bytes', 'mem_swap_bytes', 'threads', 'blkio_statistics']),
    );
  });

  it('of version 2 tell for how long a task stood still for want of something, where the kernel counts that', () => {
    const none = {
      cpuStat: '',
      memoryStat: '',
      memoryCurrent: '',
      memoryPeak: '',
      swapCurrent: '',
      pidsCurrent: '',
      ioStat: '',
    };
    const line = (total: number): string => `avg10=0.10 avg60=1.00 avg300=99.99 total=${total}`;
    const counted = countedInVersion2({
      ...none,
      cpuPressure: `some ${line(1_500_000)}\n`,
      memoryPressure: `some ${line(2_000_000)}\nfull ${line(250_000)}\n`,
      ioPressure: `some ${line(7)}\nfull ${line(0)}\n`,
    });
    expect(counted).toMatchObject({
      pressure_cpu_some_secs: 1.5,
      pressure_memory_some_secs: 2,
      pressure_memory_full_secs: 0.25,
      pressure_io_some_secs: 0.000007,
      pressure_io_full_secs: 0,
    });
    expect(Object.keys(countedInVersion2(none)).join()).not.toContain('pressure');
  });

  it('of a network count everything but the loopback', () => {
    const head =
      'Inter-|   Receive\n face |bytes    packets errs drop fifo frame compressed multicast|bytes\n';
    const text = `${head}    lo: 999 9 0 0 0 0 0 0 999 9 0 0 0 0 0 0\n  eth0: 100 2 1 3 0 0 0 0 50 4 5 6 0 0 0 0\n  eth1:1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\n`;
    expect(countedOnNetwork(text)).toEqual({
      net_rx_bytes: 101,
      net_rx_packets: 3,
      net_rx_errors: 1,
      net_rx_dropped: 3,
      net_tx_bytes: 51,
      net_tx_packets: 5,
      net_tx_errors: 5,
      net_tx_dropped: 6,
    });
  });

  it('stand beside request and limit; no limit is what the host has', () => {
    const host = { cpus: 8, memBytes: 64 * MIB };
    expect(limitStatistics({ cpus: 0.5, memMiB: 32 }, host)).toEqual({
      cpus_soft_limit: 0.5,
      mem_soft_limit_bytes: 32 * MIB,
      mem_limit_bytes: 32 * MIB,
    });
    expect(
      limitStatistics(
        { cpus: 0.5, cpusLimit: Infinity, memMiB: 32, memLimitMiB: Infinity, diskMiB: 1 },
        host,
      ),
    ).toMatchObject({ cpus_limit: 8, mem_limit_bytes: 64 * MIB, disk_limit_bytes: MIB });
  });

  it('are found by a process whose groups somebody else made; the root group’s are nobody’s', () => {
    const first = [
      { version: 1, mountPoint: '/sys/fs/cgroup/cpu', controllers: ['cpu', 'cpuacct'] },
      { version: 1, mountPoint: '/sys/fs/cgroup/memory', controllers: ['memory'] },
      { version: 2, mountPoint: '/sys/fs/cgroup/unified', controllers: [] },
    ] as const;
    expect(groupsOfProcess('5:cpu,cpuacct:/docker/ab\n4:memory:/docker/ab\n0::/x\n', first)).toEqual({
      version: 1,
      folders: {
        cpu: '/sys/fs/cgroup/cpu/docker/ab',
        cpuacct: '/sys/fs/cgroup/cpu/docker/ab',
        memory: '/sys/fs/cgroup/memory/docker/ab',
      },
    });
    const second = [{ version: 2, mountPoint: '/sys/fs/cgroup', controllers: [] }] as const;
    expect(groupsOfProcess('0::/system.slice/docker-ab.scope\n', second)).toEqual({
      version: 2,
      folder: '/sys/fs/cgroup/system.slice/docker-ab.scope',
    });
    expect(groupsOfProcess('5:cpu:/\n4:memory:/\n0::/\n', first)).toBeUndefined();
    expect(groupsOfProcess('0::/../elsewhere\n', second)).toBeUndefined();
  });
});

(isRoot ? describe : describe.skip)('a real container', () => {
  it('is counted while it runs: processor, memory, processes; by its own groups and by its main process alike', async () => {
    const world = new ContainerWorld();
    await world.start();
    // So low a quota holds it back however busy the host is.
    const limits = { cpus: 0.1, cpusLimit: 0.05, memMiB: 64 };
    const id = world.launch('sleep 60 & while :; do :; done', { limits });
    const pid = await world.started(id);
    const statistics = await waitFor(
      () => {
        const now = world.containerizer.statistics(id);
        const busy = (now?.cpus_user_time_secs ?? 0) + (now?.cpus_system_time_secs ?? 0);
        const both = (now?.processes ?? 0) >= 2;
        return both && busy > 0.05 && (now?.cpus_nr_throttled ?? 0) > 0 && (now?.mem_rss_bytes ?? 0) > 0
          ? now
          : undefined;
      },
      { what: 'counters' },
    );
    expect(statistics.processes).toBeGreaterThanOrEqual(2);
    expect(statistics.threads).toBeGreaterThanOrEqual(statistics.processes ?? 0);
    expect(statistics.mem_working_set_bytes).toBeLessThanOrEqual(64 * MIB);
    expect(statistics.mem_peak_bytes).toBeGreaterThanOrEqual(statistics.mem_rss_bytes ?? Infinity);
    expect(statistics).toMatchObject({ cpus_limit: 0.05, cpus_soft_limit: 0.1, mem_limit_bytes: 64 * MIB });
    expect(statistics.net_rx_bytes).toBeUndefined();
    const groups = countedGroupsOf(pid);
    if (!groups) throw new Error('the container is in no group of its own');
    const other = readGroups(groups, 1);
    expect(other.cpus_user_time_secs).toBeGreaterThanOrEqual(statistics.cpus_user_time_secs ?? Infinity);
    expect(other.processes).toBeGreaterThanOrEqual(2);
    expect(await world.close()).toEqual({ processes: [], groups: [] });
  });
});
