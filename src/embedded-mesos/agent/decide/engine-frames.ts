/** A piece of a program's output as a Docker engine sends it. */
export interface EngineFrame {
  readonly stream: 'stdout' | 'stderr';
  readonly bytes: Buffer;
}

const HEADER_BYTES = 8;
const STDERR = 2;

/**
 * Splits the engine's multiplexed stream: frames of `[stream, 0, 0, 0, length (4 bytes, big endian)]`. A frame is given out as far as
 * it is there, so that nothing waits for the end of a long one; `rest` is what is to be read again with what follows.
 */
export function readEngineFrames(data: Buffer): {
  readonly frames: readonly EngineFrame[];
  readonly rest: Buffer;
} {
  const frames: EngineFrame[] = [];
  let from = 0;
  while (data.length - from > HEADER_BYTES) {
    const stream = data[from] === STDERR ? 'stderr' : 'stdout';
    const length = data.readUInt32BE(from + 4);
    const there = Math.min(length, data.length - from - HEADER_BYTES);
    const begin = from + HEADER_BYTES;
    frames.push({ stream, bytes: data.subarray(begin, begin + there) });
    if (there < length) {
      const header = Buffer.from(data.subarray(from, begin));
      header.writeUInt32BE(length - there, 4);
      return { frames, rest: header };
    }
    from = begin + length;
  }
  return { frames, rest: data.subarray(from) };
}
