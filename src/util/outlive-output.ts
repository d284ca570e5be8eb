/**
 * Keeps this process alive when nobody can take what it says: the disk that its log is on is full, or who read its output
 * is gone. There is nowhere to tell that; the lines that follow are written again once they can be.
 */
export function outliveOutput(
  streams: readonly NodeJS.WritableStream[] = [process.stdout, process.stderr],
): void {
  for (const stream of streams) stream.on('error', () => undefined);
}
