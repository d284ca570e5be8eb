/**
 * Whom a sandbox shall belong to, from the user that a container runs as (`uid`, `uid:gid`, a name, empty for root). Names are
 * those of the image: which number one has cannot be told from outside.
 */
export function sandboxOwner(user: string): { readonly uid: number; readonly gid: number } | 'unknown' {
  if (user === '' || user === 'root' || user === 'root:root') return { uid: 0, gid: 0 };
  const match = /^(\d+)(?::(\d+))?$/.exec(user);
  if (!match) return 'unknown';
  const uid = Number(match[1]);
  return { uid, gid: match[2] === undefined ? uid : Number(match[2]) };
}
