import type { BlkioStatistics, BlkioValue, ResourceStatistics } from '../containerizer.js';
import { parseFlatKeyed } from './proc-text.js';

/** USER_HZ: the unit of cpuacct.stat; 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

/** What a container's counters say; limits, times and numbers of processes come from elsewhere. */
export type Counted = Omit<ResourceStatistics, 'timestamp'>;

/** Texts of control files of version 1; undefined = the controller or the file is not there. */
export interface Version1Texts {
  readonly cpuacctStat: string | undefined;
  readonly cpuStat: string | undefined;
  readonly memoryStat: string | undefined;
  readonly memoryUsage: string | undefined;
  readonly memoryPeak: string | undefined;
  readonly pidsCurrent: string | undefined;
  readonly ioBytes: string | undefined;
  readonly ioOperations: string | undefined;
}

/** Texts of control files of version 2. */
export interface Version2Texts {
  readonly cpuStat: string | undefined;
  readonly memoryStat: string | undefined;
  readonly memoryCurrent: string | undefined;
  readonly memoryPeak: string | undefined;
  readonly swapCurrent: string | undefined;
  readonly pidsCurrent: string | undefined;
  readonly ioStat: string | undefined;
  readonly cpuPressure?: string | undefined;
  readonly memoryPressure?: string | undefined;
  readonly ioPressure?: string | undefined;
}

/** Counters of a group and those below it, version 1 (Mesos reference 5.8): values of a stat file that begin with `total_`. */
export function countedInVersion1(texts: Version1Texts): Counted {
  const ticks = parseFlatKeyed(texts.cpuacctStat ?? '');
  const throttling = parseFlatKeyed(texts.cpuStat ?? '');
  return {
    ...(texts.cpuacctStat !== undefined && {
      cpus_user_time_secs: (ticks.get('user') ?? 0) / TICKS_PER_SECOND,
      cpus_system_time_secs: (ticks.get('system') ?? 0) / TICKS_PER_SECOND,
    }),
    ...throttled(texts.cpuStat, throttling, (throttling.get('throttled_time') ?? 0) / 1e9),
    ...memory(texts.memoryStat, texts.memoryUsage, texts.memoryPeak, {
      rss: 'total_rss',
      cache: 'total_cache',
      inactiveFile: 'total_inactive_file',
      mapped: 'total_mapped_file',
      unevictable: 'total_unevictable',
      swap: 'total_swap',
    }),
    ...numbered('threads', texts.pidsCurrent),
    ...blkio(ioOfVersion1(texts.ioBytes, texts.ioOperations)),
  };
}

/** The same of version 2 (Mesos reference 5.9). */
export function countedInVersion2(texts: Version2Texts): Counted {
  const cpu = parseFlatKeyed(texts.cpuStat ?? '');
  return {
    ...(texts.cpuStat !== undefined && {
      cpus_user_time_secs: (cpu.get('user_usec') ?? 0) / 1e6,
      cpus_system_time_secs: (cpu.get('system_usec') ?? 0) / 1e6,
    }),
    ...throttled(texts.cpuStat, cpu, (cpu.get('throttled_usec') ?? 0) / 1e6),
    ...memory(texts.memoryStat, texts.memoryCurrent, texts.memoryPeak, {
      rss: 'anon',
      cache: 'file',
      inactiveFile: 'inactive_file',
      mapped: 'file_mapped',
      unevictable: 'unevictable',
    }),
    ...numbered('mem_swap_bytes', texts.swapCurrent),
    ...numbered('threads', texts.pidsCurrent),
    ...blkio(ioOfVersion2(texts.ioStat)),
    ...stalled(texts),
  };
}

/** `total` in a line such as `some avg10=0.00 avg60=0.00 avg300=0.00 total=12345`, microseconds there, seconds here. */
function stallSeconds(text: string | undefined, who: 'some' | 'full'): number | undefined {
  const line = text?.split('\n').find((each) => each.startsWith(`${who} `));
  const total = line === undefined ? undefined : /\btotal=(\d+)/.exec(line)?.[1];
  return total === undefined ? undefined : Number(total) / 1e6;
}

/** Of the processor only `some`: the kernel says nothing of use about `full` there. */
function stalled({ cpuPressure, memoryPressure, ioPressure }: Version2Texts): Counted {
  const counted = {
    pressure_cpu_some_secs: stallSeconds(cpuPressure, 'some'),
    pressure_memory_some_secs: stallSeconds(memoryPressure, 'some'),
    pressure_memory_full_secs: stallSeconds(memoryPressure, 'full'),
    pressure_io_some_secs: stallSeconds(ioPressure, 'some'),
    pressure_io_full_secs: stallSeconds(ioPressure, 'full'),
  };
  return Object.fromEntries(Object.entries(counted).filter(([, value]) => value !== undefined));
}

function numbered<Name extends 'threads' | 'mem_swap_bytes'>(
  name: Name,
  text: string | undefined,
): { readonly [N in Name]?: number } {
  const value = text === undefined || text.trim() === '' ? Number.NaN : Number(text);
  return Number.isFinite(value) ? ({ [name]: value } as { readonly [N in Name]?: number }) : {};
}

function throttled(text: string | undefined, stat: ReadonlyMap<string, number>, seconds: number): Counted {
  if (text === undefined) return {};
  return {
    cpus_nr_periods: stat.get('nr_periods') ?? 0,
    cpus_nr_throttled: stat.get('nr_throttled') ?? 0,
    cpus_throttled_time_secs: seconds,
  };
}

/**
 * `names`: those of the stat file's lines. What must be held against a limit is the working set: everything charged but the
 * file pages that the kernel gives up first.
 */
function memory(
  statText: string | undefined,
  usageText: string | undefined,
  peakText: string | undefined,
  names: {
    readonly rss: string;
    readonly cache: string;
    readonly inactiveFile: string;
    readonly mapped: string;
    readonly unevictable: string;
    readonly swap?: string;
  },
): Counted {
  if (statText === undefined || usageText === undefined) return {};
  const stat = parseFlatKeyed(statText);
  const total = Number(usageText);
  const peak = Number(peakText ?? 0);
  const rss = stat.get(names.rss) ?? 0;
  const cache = stat.get(names.cache) ?? 0;
  const swap = names.swap === undefined ? undefined : stat.get(names.swap);
  return {
    mem_total_bytes: total,
    mem_rss_bytes: rss,
    mem_anon_bytes: rss,
    mem_cache_bytes: cache,
    mem_file_bytes: cache,
    mem_mapped_file_bytes: stat.get(names.mapped) ?? 0,
    mem_unevictable_bytes: stat.get(names.unevictable) ?? 0,
    ...(swap !== undefined && { mem_swap_bytes: swap }),
    mem_working_set_bytes: Math.max(0, total - (stat.get(names.inactiveFile) ?? 0)),
    ...(Number.isFinite(peak) && peak > 0 && { mem_peak_bytes: peak }),
  };
}

interface DeviceIo {
  readonly bytes: BlkioValue[];
  readonly operations: BlkioValue[];
}

const operations = new Map<string, BlkioValue['op']>([
  ['Read', 'READ'],
  ['Write', 'WRITE'],
  ['Discard', 'DISCARD'],
]);

/** Lines `8:0 Read 4096`; the last one, `Total 4096`, is left out: totals are made of the lines. */
function ioOfVersion1(
  bytesText: string | undefined,
  operationsText: string | undefined,
): ReadonlyMap<string, DeviceIo> {
  const devices = new Map<string, DeviceIo>();
  for (const [text, what] of [
    [bytesText, 'bytes'],
    [operationsText, 'operations'],
  ] as const) {
    for (const line of (text ?? '').split('\n')) {
      const [device, name, value] = line.split(' ');
      const op = operations.get(name ?? '');
      if (device !== undefined && op !== undefined)
        deviceOf(devices, device)[what].push({ op, value: Number(value) });
    }
  }
  return devices;
}

/** Lines `8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6`. */
function ioOfVersion2(text: string | undefined): ReadonlyMap<string, DeviceIo> {
  const devices = new Map<string, DeviceIo>();
  for (const line of (text ?? '').split('\n')) {
    const [device, ...pairs] = line.split(' ');
    if (!device || pairs.length === 0) continue;
    const values = new Map(pairs.map((pair) => pair.split('=') as [string, string]));
    const put = (into: BlkioValue[], op: BlkioValue['op'], name: string): void => {
      const value = values.get(name);
      if (value !== undefined) into.push({ op, value: Number(value) });
    };
    const { bytes, operations } = deviceOf(devices, device);
    put(bytes, 'READ', 'rbytes');
    put(bytes, 'WRITE', 'wbytes');
    put(bytes, 'DISCARD', 'dbytes');
    put(operations, 'READ', 'rios');
    put(operations, 'WRITE', 'wios');
    put(operations, 'DISCARD', 'dios');
  }
  return devices;
}

function deviceOf(devices: Map<string, DeviceIo>, name: string): DeviceIo {
  const known = devices.get(name);
  if (known) return known;
  const made: DeviceIo = { bytes: [], operations: [] };
  devices.set(name, made);
  return made;
}

/** As Mesos has it: an entry for each device, then one without a device for all of them. Absent without any. */
function blkio(devices: ReadonlyMap<string, DeviceIo>): Counted {
  if (devices.size === 0) return {};
  const total: DeviceIo = { bytes: [], operations: [] };
  const throttling: BlkioStatistics['throttling'][number][] = [];
  for (const [name, { bytes, operations: counts }] of devices) {
    const [major, minor] = name.split(':').map(Number);
    throttling.push({
      device: { major_number: major ?? 0, minor_number: minor ?? 0 },
      io_serviced: counts,
      io_service_bytes: bytes,
    });
    total.bytes.push(...bytes);
    total.operations.push(...counts);
  }
  throttling.push({ io_serviced: summed(total.operations), io_service_bytes: summed(total.bytes) });
  return { blkio_statistics: { throttling } };
}

function summed(values: readonly BlkioValue[]): readonly BlkioValue[] {
  const sums = new Map<BlkioValue['op'], number>();
  for (const { op, value } of values) sums.set(op, (sums.get(op) ?? 0) + value);
  return [...sums].map(([op, value]) => ({ op, value }));
}

/** The bytes of one kind that all devices moved; 0 when nothing was counted. */
export function ioBytes({ blkio_statistics: io }: Counted, op: BlkioValue['op']): number {
  const total = io?.throttling.find(({ device }) => device === undefined);
  return total?.io_service_bytes.find((each) => each.op === op)?.value ?? 0;
}

/** What passed over a network namespace's interfaces, from the text of /proc/PID/net/dev; the loopback does not count. */
export function countedOnNetwork(text: string): Counted {
  const sums = new Array<number>(12).fill(0);
  for (const line of text.split('\n').slice(2)) {
    const [name, values] = line.split(':');
    if (values === undefined || name?.trim() === 'lo') continue;
    for (const [index, value] of values.trim().split(/\s+/).slice(0, sums.length).entries())
      sums[index] = (sums[index] ?? 0) + Number(value);
  }
  const [rxBytes, rxPackets, rxErrors, rxDropped, , , , , txBytes, txPackets, txErrors, txDropped] = sums;
  return {
    net_rx_bytes: rxBytes ?? 0,
    net_rx_packets: rxPackets ?? 0,
    net_rx_errors: rxErrors ?? 0,
    net_rx_dropped: rxDropped ?? 0,
    net_tx_bytes: txBytes ?? 0,
    net_tx_packets: txPackets ?? 0,
    net_tx_errors: txErrors ?? 0,
    net_tx_dropped: txDropped ?? 0,
  };
}
