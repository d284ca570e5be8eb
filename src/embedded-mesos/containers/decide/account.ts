import type { Account } from '../containerizer.js';

/**
 * Finds a user in the texts of passwd(5) and group(5): by name, or by number if `name` is one that has an entry.
 * Undefined when there is none.
 */
export function findAccount(name: string, passwd: string, group: string): Account | undefined {
  for (const line of passwd.split('\n')) {
    const [login, , uidText, gidText] = line.split(':');
    if (!login || (login !== name && uidText !== name)) continue;
    const uid = Number(uidText);
    const gid = Number(gidText);
    if (!uidText || !gidText || !Number.isInteger(uid) || !Number.isInteger(gid)) continue;
    return { name: login, uid, gid, groups: groupsOf(login, gid, group) };
  }
  return undefined;
}

function groupsOf(login: string, gid: number, group: string): readonly number[] {
  const groups = new Set([gid]);
  for (const line of group.split('\n')) {
    const [, , id, members] = line.split(':');
    if (id && members?.split(',').includes(login)) groups.add(Number(id));
  }
  return [...groups];
}
