import { writeSync } from 'node:fs';
import type { Writable } from 'node:stream';
import type { LogSink } from './log-sink.js';

const STANDARD_OUTPUT = 1;

/** Lines on the worker's standard output. When nobody reads it any more, writing fails and lines are counted as left out. */
export class OutputSink implements LogSink {
  constructor(private readonly output: Writable) {}

  write(lines: Buffer): Promise<void> {
    return new Promise((resolve, reject) => {
      this.output.write(lines, (error) => (error ? reject(error) : resolve()));
    });
  }

  writeLast(lines: Buffer): void {
    writeSync(STANDARD_OUTPUT, lines);
  }

  close(): void {
    // Standard output stays open for as long as the process lives.
  }
}
