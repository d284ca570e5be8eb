/** Where lines go. One write at a time. */
export interface LogSink {
  /** `text` is whole lines. Rejects when they could not be written. */
  write(text: string): Promise<void>;
  /** The same, at once: the process is about to end. */
  writeLast(text: string): void;
  close(): void;
}
