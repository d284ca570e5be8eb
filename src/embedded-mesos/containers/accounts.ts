import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import type { Clock } from '../../util/clock.js';
import type { Account } from './containerizer.js';
import { findAccount } from './decide/account.js';

const run = promisify(execFile);
/** How long an answer holds; users change seldom, launches come in hundreds. */
const FRESH_MS = 10_000;
const MAX_REMEMBERED = 1_000;

/** Looks users up: in the files of this host, then wherever the host's name service looks (LDAP and the like). */
export class Accounts {
  readonly #known = new Map<
    string,
    { readonly untilMs: number; readonly account: Promise<Account | undefined> }
  >();

  constructor(private readonly clock: Clock) {}

  /** The account of a user by name (or number, if it has an entry); undefined when there is none. */
  find(name: string): Promise<Account | undefined> {
    const nowMs = this.clock.monotonicMs();
    const known = this.#known.get(name);
    if (known && known.untilMs > nowMs) return known.account;
    if (this.#known.size >= MAX_REMEMBERED) this.#known.clear();
    const account = lookUp(name);
    this.#known.set(name, { untilMs: nowMs + FRESH_MS, account });
    return account;
  }
}

async function lookUp(name: string): Promise<Account | undefined> {
  if (!/^[A-Za-z0-9_.@][A-Za-z0-9_.@-]*\$?$/.test(name)) return undefined;
  const [passwd, group] = await Promise.all([
    readFile('/etc/passwd', 'utf8'),
    readFile('/etc/group', 'utf8'),
  ]);
  const local = findAccount(name, passwd, group);
  if (local) return local;
  try {
    const { stdout: entry } = await run('getent', ['passwd', name]);
    const { stdout: groups } = await run('id', ['-G', name]);
    const found = findAccount(name, entry, '');
    return found && { ...found, groups: [...new Set([found.gid, ...groups.trim().split(' ').map(Number)])] };
  } catch {
    // getent ends with status 2 for a name that nobody knows, and is missing on some small systems: either way, unknown.
    return undefined;
  }
}
