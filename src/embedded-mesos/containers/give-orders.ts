import { closeSync, constants, openSync, rmSync, writeSync } from 'node:fs';
import type { Account } from './containerizer.js';
import type { RunFiles } from './run-files.js';

/** Who a container's processes are to be, as launcher and waiting process read it: uid, gid, groups; `- - -` = as they are. */
export function accountWords(account: Account | undefined): string {
  return account ? `${account.uid} ${account.gid} ${account.groups.join(',')}` : '- - -';
}

/**
 * Sends a warm container's process on its way. One short line by one write; the process takes the first and no other, so that
 * giving the same orders again (after a crash of the agent) does no harm. False when nobody waits for them: not yet, not any
 * more, or never again. Other failures are thrown.
 */
export function giveOrders(files: RunFiles, id: string, account: Account | undefined): boolean {
  let pipe: number;
  try {
    pipe = openSync(files.orders(id), constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENXIO' || code === 'ENOENT') return false;
    throw error;
  }
  try {
    writeSync(pipe, `${accountWords(account)} end\n`);
    return true;
  } finally {
    closeSync(pipe);
  }
}

/** The orders are taken: their pipe is of no more use. */
export function removeOrders(files: RunFiles, id: string): void {
  rmSync(files.orders(id), { force: true });
}
