import { existsSync, readFileSync, statSync } from 'node:fs';
import type { IoLimits } from '../containerizer.js';
import { deviceName, type IoWrite } from '../decide/io-values.js';
import { tryControl, writeControl } from './cgroup-files.js';

/**
 * The disk that a folder lies on, as `major:minor`; undefined where the file system has none of its own (tmpfs, overlay, btrfs).
 * Limits are kept by whole disks, not by partitions.
 */
export function ioDeviceOf(folder: string): string | undefined {
  const device = deviceName(statSync(folder, { bigint: true }).dev);
  const known = `/sys/dev/block/${device}`;
  if (!existsSync(known)) return undefined;
  if (!existsSync(`${known}/partition`)) return device;
  return readFileSync(`${known}/../dev`, 'utf8').trim();
}

/** Writes io limits into a group; throws why they cannot be kept here. */
export function writeIo(
  group: string | undefined,
  device: string | undefined,
  io: IoLimits,
  writes: (io: IoLimits, device: string) => readonly IoWrite[],
): void {
  if (group === undefined) throw new Error('it asks for io limits, but no cgroup controller for io is there');
  if (device === undefined)
    throw new Error('it asks for io limits, but its sandbox lies on no disk that could be limited');
  for (const { file, value, optional } of writes(io, device)) {
    if (optional) tryControl(`${group}/${file}`, value);
    else writeControl(`${group}/${file}`, value);
  }
}
