/** Where a file of output stands. */
export interface OutputPosition {
  readonly sizeBytes: number;
  /** The file is empty or its last byte ends a line. */
  readonly atLineStart: boolean;
}

/** One step of writing a chunk: `takeBytes` of it go into the current file, then perhaps a new file begins. */
export interface OutputStep {
  readonly takeBytes: number;
  readonly thenRotate: boolean;
}

const NEWLINE = 10;

/**
 * The stretch before the limit in which a file is ended at the next line end, so that a line that begins near the end of
 * a file seldom crosses into the next one.
 */
export function endZoneBytes(limitBytes: number): number {
  return Math.min(64 * 1024, Math.floor(limitBytes / 4));
}

/**
 * Decides how much of `chunk` (from `from` on) goes into the current file. No file ever exceeds `limitBytes`; a line is
 * cut only if it alone is longer than the end zone. Always makes progress: takes bytes or rotates a file that has some.
 */
export function nextOutputStep(
  position: OutputPosition,
  chunk: Uint8Array,
  from: number,
  limitBytes: number,
): OutputStep {
  const left = chunk.length - from;
  const end = position.sizeBytes + left;
  if (end <= limitBytes - endZoneBytes(limitBytes)) return { takeBytes: left, thenRotate: false };
  const room = Math.max(0, limitBytes - position.sizeBytes);
  const lastInRoom = from + Math.min(room, left) - 1;
  const newline = lastInRoom >= from ? chunk.lastIndexOf(NEWLINE, lastInRoom) : -1;
  if (newline >= from) return { takeBytes: newline + 1 - from, thenRotate: true };
  if (position.atLineStart && position.sizeBytes > 0) return { takeBytes: 0, thenRotate: true };
  if (end <= limitBytes) return { takeBytes: left, thenRotate: false };
  return { takeBytes: Math.min(room, left), thenRotate: true };
}
