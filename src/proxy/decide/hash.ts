/** FNV-1a with a final mix, since the last letters alone may differ: 0 to 2^32 - 1. */
export function hash32(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return mixed(hash);
}

/** A hash of two hashes. */
export function joined(one: number, other: number): number {
  return mixed(Math.imul(one ^ other, 0x9e3779b1));
}

/** The final mix of MurmurHash3: each bit changes each with the same chance. */
function mixed(value: number): number {
  let hash = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
