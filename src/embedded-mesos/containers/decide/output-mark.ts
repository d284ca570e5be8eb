/** How far a stream's files had come when a position was written down: the newest file and its length. */
export interface OutputMark {
  /** 0: there was no file. */
  readonly inode: number;
  readonly bytes: number;
}

export interface OutputFileFacts {
  readonly inode: number;
  readonly bytes: number;
}

/**
 * Bytes that were written after the mark, by a batch whose position was not written down any more. `files`: newest first;
 * rotated ones keep their inode. When the marked file is gone, as much as that was written cannot have been one batch: 0.
 */
export function bytesAfterMark(files: readonly OutputFileFacts[], mark: OutputMark): number {
  let after = 0;
  for (const { inode, bytes } of files) {
    if (inode === mark.inode) return after + Math.max(0, bytes - mark.bytes);
    after += bytes;
  }
  return mark.inode === 0 ? after : 0;
}
