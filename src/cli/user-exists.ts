import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Whether this machine knows a user: in its own file, or wherever its name service looks (LDAP and the like). */
export function userExists(name: string): boolean {
  if (!/^[A-Za-z0-9_.@][A-Za-z0-9_.@-]*\$?$/.test(name)) return false;
  const local = readFileSync('/etc/passwd', 'utf8').split('\n');
  if (local.some((line) => line.startsWith(`${name}:`))) return true;
  try {
    return execFileSync('getent', ['passwd', name], { stdio: ['ignore', 'pipe', 'ignore'] }).length > 0;
  } catch {
    // It ends with status 2 for a name that nobody knows, and is missing on some small systems: either way, unknown.
    return false;
  }
}
