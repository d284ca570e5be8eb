import type { StoreErrorCode } from '../../store/state-store.js';

const running = 'Tasks, traffic and reads go on.';

const hints: Readonly<Record<StoreErrorCode, string>> = {
  'disk-full': `Free space on the work dir's disk; writing resumes by itself. ${running}`,
  'read-only': `Remount the work dir's file system writable; writing resumes by itself. ${running}`,
  'out-of-descriptors': `Raise the limit of open files (ulimit -n); writing resumes by itself. ${running}`,
  'flush-failed': `The disk reported an error: check its health. ${running}`,
  'stale-epoch': 'Another server has taken over: send requests to the leader.',
  'corrupt-record': 'A stored record is damaged: restore a backup with `longrun restore FILE`.',
  'format-too-new': 'The work dir was written by a newer longrun: start that version.',
  closed: 'The server is stopping; repeat once it is back.',
  'store-failed': `The log has the details. ${running}`,
};

/** What an operator can do about a store that refuses writes. */
export function storeHint(code: StoreErrorCode): string {
  return hints[code];
}
