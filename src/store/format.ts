import { INTERNAL_PREFIX } from './record-codec.js';
import { StoreError, type StoreRecord } from './state-store.js';

/**
 * The format record: plain text on purpose, readable by every version for ever, whatever records look like by then.
 */
export const FORMAT_KEY = `${INTERNAL_PREFIX}format`;

/** A step from the format before `to` to `to`. */
export interface Migration {
  readonly to: number;
  /** What changes, for the log. */
  readonly what: string;
  /** The records that one record becomes: itself, a changed one, several or none. Pure. */
  migrate(record: StoreRecord): readonly StoreRecord[];
}

/** All formats so far: format 1 is the first, each migration leads to the next. */
export const formatHistory: readonly Migration[] = [];

/** The format that this version writes. */
export function currentFormat(migrations: readonly Migration[]): number {
  return migrations.reduce((format, { to }) => Math.max(format, to), 1);
}

export function formatBytes(format: number): Buffer {
  return Buffer.from(`longrun-store ${format}\n`, 'utf8');
}

/** The format a store or backup says it has. Throws StoreError `corrupt-record`. */
export function parseFormat(bytes: Uint8Array | string): number {
  const text = typeof bytes === 'string' ? bytes : Buffer.from(bytes).toString('utf8');
  const format = /^longrun-store ([1-9]\d{0,5})\n$/.exec(text)?.[1];
  if (format === undefined) {
    throw new StoreError('corrupt-record', `the record ${FORMAT_KEY} is corrupt: it names no format`);
  }
  return Number(format);
}

/**
 * The migrations that lead from `found` to ours, in order; empty when it is ours. Throws StoreError `format-too-new` with a
 * sentence that says what to do.
 */
export function migrationsFrom(
  found: number,
  migrations: readonly Migration[],
  what: string,
): readonly Migration[] {
  const current = currentFormat(migrations);
  if (found > current) {
    throw new StoreError(
      'format-too-new',
      `${what} has format ${found}, this version of longrun knows formats up to ${current}: use the newer version that wrote it, or restore a backup made by this one`,
    );
  }
  return migrations.filter(({ to }) => to > found).sort((a, b) => a.to - b.to);
}

/** One record through all given migrations. */
export function migrateRecord(record: StoreRecord, migrations: readonly Migration[]): readonly StoreRecord[] {
  return migrations.reduce<readonly StoreRecord[]>(
    (records, migration) => records.flatMap((each) => migration.migrate(each)),
    [record],
  );
}
