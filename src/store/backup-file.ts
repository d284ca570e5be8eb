import { createReadStream } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { crc32 } from 'node:zlib';
import { formatBytes, parseFormat } from './format.js';
import { recordChecksum } from './record-codec.js';
import { StoreError, type StoreRecord } from './state-store.js';

/**
 * A backup is text, one JSON value per line, independent of the storage engine: a head `{"longrunBackup": 1, "store":
 * "longrun-store 1\n", "at": ...}`, one `[key, checksum, value]` per record, a tail `{"records": n, "checksum": c}` over
 * all lines before it. A file without its tail is not complete.
 */
const BACKUP_LAYOUT = 1;
const CHUNK_BYTES = 256 * 1024;

export interface BackupHead {
  readonly format: number;
  /** When it was made, ISO 8601. */
  readonly at: string;
}

/**
 * Writes slices of records to `file`: mode 0600, flushed, renamed into place when complete; a failed attempt leaves nothing
 * behind and an older file of that name untouched.
 */
export async function writeBackup(
  file: string,
  head: BackupHead,
  slices: AsyncIterable<readonly StoreRecord[]>,
): Promise<number> {
  const draft = `${file}.${process.pid}.draft`;
  await rm(draft, { force: true });
  const handle = await open(draft, 'wx', 0o600);
  try {
    let [records, checksum, text] = [0, 0, ''];
    const flushText = async (): Promise<void> => {
      const bytes = Buffer.from(text, 'utf8');
      checksum = crc32(bytes, checksum);
      text = '';
      await handle.writeFile(bytes);
    };
    const store = formatBytes(head.format).toString('utf8');
    text = `${JSON.stringify({ longrunBackup: BACKUP_LAYOUT, store, at: head.at })}\n`;
    for await (const slice of slices) {
      for (const { key, value } of slice) {
        const json = JSON.stringify(value);
        const sum = recordChecksum(key, Buffer.from(json, 'utf8'));
        text += `[${JSON.stringify(key)},${sum},${json}]\n`;
      }
      records += slice.length;
      if (text.length > CHUNK_BYTES) await flushText();
    }
    await flushText();
    await handle.writeFile(`${JSON.stringify({ records, checksum })}\n`);
    await handle.sync();
    await handle.close();
    await rename(draft, file);
    await syncDirectory(dirname(file));
    return records;
  } catch (error) {
    await handle.close().catch(() => undefined);
    await rm(draft, { force: true });
    throw error;
  }
}

/** Makes names created or renamed in a directory durable. */
export async function syncDirectory(dir: string): Promise<void> {
  const handle = await open(dir, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Reads a backup from beginning to end. `onHead` gets the head, `onRecord` each record whose checksum matches. Throws StoreError
 * `corrupt-record` naming the line or key as soon as anything is damaged or missing.
 */
export async function readBackup(
  file: string,
  onHead: (head: BackupHead) => void,
  onRecord: (record: StoreRecord) => void | Promise<void>,
): Promise<BackupHead> {
  let [head, complete, number, records, checksum]: [BackupHead | undefined, boolean, number, number, number] =
    [undefined, false, 0, 0, 0];
  for await (const line of linesOf(file)) {
    number++;
    if (complete) throw damaged(file, number, 'there is something behind the end');
    const value = parseLine(file, number, line);
    if (!head) {
      head = parseHead(file, value);
      onHead(head);
    } else if (Array.isArray(value)) {
      records++;
      await onRecord(parseRecord(file, number, value, line));
    } else {
      const tail = value as { records?: unknown; checksum?: unknown } | null;
      if (tail?.records !== records || tail.checksum !== checksum)
        throw damaged(file, number, 'the total is wrong');
      complete = true;
    }
    checksum = crc32(Buffer.from(`${line}\n`, 'utf8'), checksum);
  }
  if (!head || !complete) throw damaged(file, number + 1, 'the file ends before its end mark');
  return head;
}

/** Lines that end in LF only: readline would split at U+2028 too, which JSON text may hold. */
async function* linesOf(file: string): AsyncGenerator<string> {
  let rest = '';
  for await (const chunk of createReadStream(file, { encoding: 'utf8', highWaterMark: CHUNK_BYTES })) {
    const lines = `${rest}${String(chunk)}`.split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
  if (rest !== '') yield rest;
}

function parseLine(file: string, number: number, line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (error) {
    throw damaged(file, number, error instanceof Error ? error.message : String(error));
  }
}

function parseHead(file: string, value: unknown): BackupHead {
  const head = value as { longrunBackup?: unknown; store?: unknown; at?: unknown } | null;
  if (typeof head?.longrunBackup !== 'number' || typeof head.store !== 'string') {
    throw damaged(file, 1, 'it is no backup of longrun');
  }
  if (head.longrunBackup > BACKUP_LAYOUT) {
    throw new StoreError(
      'format-too-new',
      `${file} was made by a newer longrun: use that version to restore it`,
    );
  }
  return { format: parseFormat(head.store), at: String(head.at) };
}

function parseRecord(file: string, number: number, value: readonly unknown[], line: string): StoreRecord {
  const [key, sum, content] = value;
  if (typeof key !== 'string' || value.length !== 3) throw damaged(file, number, 'it is no record');
  const json = line.slice(`[${JSON.stringify(key)},${String(sum)},`.length, -1);
  if (recordChecksum(key, Buffer.from(json, 'utf8')) !== sum) {
    throw new StoreError(
      'corrupt-record',
      `${file} is damaged: the checksum of the record ${key} (line ${number}) does not match`,
    );
  }
  return { key, value: content };
}

function damaged(file: string, line: number, why: string): StoreError {
  return new StoreError('corrupt-record', `${file} is damaged at line ${line}: ${why}`);
}
