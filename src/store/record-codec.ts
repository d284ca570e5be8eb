import { crc32 } from 'node:zlib';
import { jsonPieces } from '../util/json-pieces.js';
import type { Steps } from '../util/steps.js';
import { type ScanOptions, StoreError, type StoreRecord } from './state-store.js';

/** First byte of every stored record; tells how the rest is laid out. */
const RECORD_LAYOUT = 1;
const HEADER_BYTES = 5;
/** Text that is encoded in one step. */
const STEP_CHARACTERS = 32 * 1024;

/** Longest key in UTF-8 bytes; lmdb with 4 KiB pages takes 1 978. */
export const MAX_KEY_BYTES = 1_900;

/** Keys that begin so belong to the store itself: never scanned, never written by a room. */
export const INTERNAL_PREFIX = '!';

/**
 * A value as bytes: layout byte, CRC-32 (big endian) over key and JSON, JSON in UTF-8. The key is part of the checksum,
 * so that a record found under another's key is recognised as corrupt too.
 * Throws StoreError `store-failed` for a value that is no JSON.
 */
export function encodeRecord(key: string, value: unknown): Buffer {
  const json: string | undefined = JSON.stringify(value);
  if (json === undefined) throw new StoreError('store-failed', `the value for ${key} is no JSON value`);
  const bytes = Buffer.allocUnsafe(HEADER_BYTES + Buffer.byteLength(json));
  bytes[0] = RECORD_LAYOUT;
  bytes.write(json, HEADER_BYTES);
  bytes.writeUInt32BE(recordChecksum(key, bytes.subarray(HEADER_BYTES)), 1);
  return bytes;
}

/** As `encodeRecord`, in steps of some ten kilobytes; the value must stay as it is until the last one. */
export function* encodeRecordInSteps(key: string, value: unknown): Steps<Buffer> {
  const chunks: Buffer[] = [Buffer.alloc(HEADER_BYTES)];
  let checksum = crc32(Buffer.from(key, 'utf8'));
  let text = '';
  const take = (): void => {
    const bytes = Buffer.from(text, 'utf8');
    checksum = crc32(bytes, checksum);
    chunks.push(bytes);
    text = '';
  };
  for (const piece of jsonPieces(value)) {
    text += piece;
    if (text.length < STEP_CHARACTERS) continue;
    take();
    yield;
  }
  take();
  const record = Buffer.concat(chunks);
  if (record.length === HEADER_BYTES)
    throw new StoreError('store-failed', `the value for ${key} is no JSON value`);
  record[0] = RECORD_LAYOUT;
  record.writeUInt32BE(checksum, 1);
  return record;
}

/** The value of a stored record. Throws StoreError `corrupt-record` naming the key; never returns damaged data. */
export function decodeRecord(key: string, bytes: Uint8Array): unknown {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.length <= HEADER_BYTES) throw corrupt(key, `it has only ${view.length} bytes`);
  if (view[0] !== RECORD_LAYOUT) throw corrupt(key, `its layout ${view[0]} is unknown`);
  const json = view.subarray(HEADER_BYTES);
  if (view.readUInt32BE(1) !== recordChecksum(key, json)) throw corrupt(key, 'its checksum does not match');
  try {
    return JSON.parse(json.toString('utf8'));
  } catch (error) {
    throw corrupt(key, 'it is no JSON', { cause: error });
  }
}

/** The records of a slice, without the store's own. What is corrupt is told to `onCorrupt`, or thrown when nobody listens. */
export function decodeRecords(
  slice: readonly { readonly key: string; readonly bytes: Uint8Array }[],
  { onCorrupt }: ScanOptions = {},
): readonly StoreRecord[] {
  const records: StoreRecord[] = [];
  for (const { key, bytes } of slice) {
    if (key.startsWith(INTERNAL_PREFIX)) continue;
    try {
      records.push({ key, value: decodeRecord(key, bytes) });
    } catch (error) {
      if (!onCorrupt || !(error instanceof StoreError)) throw error;
      onCorrupt({ key, problem: error.message });
    }
  }
  return records;
}

/** CRC-32 over the key's and the value's UTF-8 bytes. */
export function recordChecksum(key: string, json: Uint8Array): number {
  return crc32(json, crc32(Buffer.from(key, 'utf8')));
}

/** Throws StoreError `store-failed` when a room may not write under that key. */
export function checkKey(key: string): void {
  const bytes = Buffer.byteLength(key);
  if (bytes === 0 || bytes > MAX_KEY_BYTES) {
    throw new StoreError(
      'store-failed',
      `a key must have 1 to ${MAX_KEY_BYTES} bytes, this one has ${bytes}: ${key.slice(0, 80)}`,
    );
  }
  if (key.startsWith(INTERNAL_PREFIX))
    throw new StoreError('store-failed', `the key ${key} is the store's own`);
}

function corrupt(key: string, why: string, options?: ErrorOptions): StoreError {
  return new StoreError('corrupt-record', `the record ${key} is corrupt: ${why}`, options);
}
