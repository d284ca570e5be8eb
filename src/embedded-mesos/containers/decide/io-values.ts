import type { IoLimits } from '../containerizer.js';

/** One file of a cgroup's io control and what to write there. */
export interface IoWrite {
  readonly file: string;
  readonly value: string;
  /** A scheduler of the disk that knows no weights has no such file; then all are alike. */
  readonly optional?: true;
}

/** `major:minor` of a device number as stat(2) gives it (Linux's encoding in 64 bits). */
export function deviceName(device: bigint): string {
  const major = ((device >> 8n) & 0xfffn) | ((device >> 32n) & ~0xfffn);
  const minor = (device & 0xffn) | ((device >> 12n) & ~0xffn);
  return `${major}:${minor}`;
}

/** For version 1 (`blkio`); `device`: of the disk that is meant. */
export function version1IoWrites(io: IoLimits, device: string): readonly IoWrite[] {
  const both = (what: 'bps' | 'iops', value: number | undefined): readonly IoWrite[] =>
    value === undefined
      ? []
      : ['read', 'write'].map((way) => ({
          file: `blkio.throttle.${way}_${what}_device`,
          value: `${device} ${value}`,
        }));
  return [
    ...weightWrites(['blkio.bfq.weight', 'blkio.weight'], io.weight, (weight) => {
      // From 10 to 1000 there.
      return String(Math.min(Math.max(weight, 10), 1_000));
    }),
    ...both('bps', io.bytesPerSecond),
    ...both('iops', io.operationsPerSecond),
  ];
}

/** For version 2 (`io`). */
export function version2IoWrites(io: IoLimits, device: string): readonly IoWrite[] {
  const { bytesPerSecond: bytes, operationsPerSecond: operations } = io;
  const words = [
    ...(bytes === undefined ? [] : [`rbps=${bytes} wbps=${bytes}`]),
    ...(operations === undefined ? [] : [`riops=${operations} wiops=${operations}`]),
  ];
  return [
    ...weightWrites(['io.weight', 'io.bfq.weight'], io.weight, (weight) => `default ${weight}`),
    ...(words.length === 0 ? [] : [{ file: 'io.max', value: [device, ...words].join(' ') }]),
  ];
}

function weightWrites(
  files: readonly string[],
  weight: number | undefined,
  text: (weight: number) => string,
): readonly IoWrite[] {
  if (weight === undefined) return [];
  return files.map((file) => ({ file, value: text(weight), optional: true }));
}
