import type { StoreErrorCode } from '../state-store.js';

/** LMDB's code for "the map is full": its size is a limit like the disk's. */
const MDB_MAP_FULL = -30_792;

/** Linux error numbers and their names; the storage engine tells numbers, Node's file system tells names. */
const codes: Readonly<Record<string, StoreErrorCode>> = {
  ENOSPC: 'disk-full',
  28: 'disk-full',
  EDQUOT: 'disk-full',
  122: 'disk-full',
  [MDB_MAP_FULL]: 'disk-full',
  EFBIG: 'disk-full',
  27: 'disk-full',
  EROFS: 'read-only',
  30: 'read-only',
  EACCES: 'read-only',
  13: 'read-only',
  EPERM: 'read-only',
  1: 'read-only',
  EMFILE: 'out-of-descriptors',
  24: 'out-of-descriptors',
  ENFILE: 'out-of-descriptors',
  23: 'out-of-descriptors',
};

/** What is known after a failed write: the engine's error, and what a trial write of a plain file beside it said. */
export interface WriteFailure {
  readonly code: number | string | undefined;
  /** Code of the failed trial write; undefined when it worked (or was not made). */
  readonly trialCode?: number | string | undefined;
}

/**
 * Why a write failed. The trial write decides where the engine is vague: LMDB reports a short write on a full disk as an
 * input/output error. What neither explains is a failed flush.
 */
export function classifyFailure(failure: WriteFailure): StoreErrorCode {
  return codeOf(failure.code) ?? codeOf(failure.trialCode) ?? 'flush-failed';
}

function codeOf(code: number | string | undefined): StoreErrorCode | undefined {
  return code === undefined ? undefined : codes[String(code)];
}

/** What to tell an operator, by code. */
export function failureMessage(code: StoreErrorCode, dir: string, cause: string): string {
  switch (code) {
    case 'disk-full':
      return `no space is left for the store in ${dir}: free some; writing goes on by itself`;
    case 'read-only':
      return `the store in ${dir} cannot be written: its file system is read-only or the rights are missing`;
    case 'out-of-descriptors':
      return `the store in ${dir} cannot be written: no file descriptors are left (ulimit -n)`;
    default:
      return `the store in ${dir} could not make a write durable: ${cause}`;
  }
}
