import { writeSync } from 'node:fs';
import type { Writable } from 'node:stream';
import type { LogSink } from './log-sink.js';

const STANDARD_OUTPUT = 1;

/** Lines on the worker's standard output. When nobody reads it any more, writing fails and lines are counted as left out. */
export class OutputSink implements LogSink {
  constructor(private readonly output: Writable) {}

  write(text: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.output.write(text, 'utf8', (error) => (error ? reject(error) : resolve()));
    });
  }

  writeLast(text: string): void {
    writeSync(STANDARD_OUTPUT, text, null, 'utf8');
  }

  close(): void {
    // Standard output stays open for as long as the process lives.
  }
}
