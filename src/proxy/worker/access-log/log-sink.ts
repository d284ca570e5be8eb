/** Where lines go. One write at a time. */
export interface LogSink {
  /** `lines` are whole ones, in UTF-8; they may change once the promise is settled. Rejects when they could not be written. */
  write(lines: Buffer): Promise<void>;
  /** The same, at once: the process is about to end. */
  writeLast(lines: Buffer): void;
  close(): void;
}
