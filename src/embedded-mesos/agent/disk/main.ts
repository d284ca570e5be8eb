/**
 * Measures folders in a process of its own, where nobody waits for it: reads one path per line, answers each with one line of JSON,
 * in order, and ends with its input.
 */
import { createInterface } from 'node:readline';
import { type FolderSize, walkFolder } from './walk-folder.js';

function measure(path: string): FolderSize | { readonly failure: string } {
  try {
    return walkFolder(path);
  } catch (error) {
    return { failure: (error as Error).message };
  }
}

createInterface({ input: process.stdin })
  .on('line', (path) => process.stdout.write(`${JSON.stringify(measure(path))}\n`))
  .once('close', () => process.exit(0));
process.stdout.on('error', () => process.exit(0));
