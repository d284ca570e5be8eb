import type { EngineWrite } from '../store/group-commit.js';
import { MemoryDisk } from '../store/memory-store.js';
import { decodeRecord, INTERNAL_PREFIX } from '../store/record-codec.js';

/** A disk that can be asked what is durable right now, and tells each durable write of a room. */
export class RecordingDisk extends MemoryDisk {
  constructor(private readonly onDurable: (key: string, value: unknown) => void = () => undefined) {
    super();
  }

  override apply(writes: readonly EngineWrite[]): void {
    super.apply(writes);
    for (const { key, bytes } of writes) {
      if (!key.startsWith(INTERNAL_PREFIX)) this.onDurable(key, bytes && decodeRecord(key, bytes));
    }
  }

  /** The durable value under `key`; undefined when there is none. */
  read(key: string): unknown {
    const bytes = this.records.get(key);
    return bytes && decodeRecord(key, bytes);
  }

  /** Every durable record below `prefix`, in the order of the keys. */
  below(prefix: string): readonly (readonly [key: string, value: unknown])[] {
    return [...this.records.keys()]
      .filter((key) => key.startsWith(prefix))
      .sort()
      .map((key) => [key, this.read(key)] as const);
  }

  /** What another process would find: a disk of its own with the same bytes. */
  copy(): MemoryDisk {
    const disk = new MemoryDisk();
    for (const [key, bytes] of this.records) disk.records.set(key, bytes);
    return disk;
  }
}
