/** Control characters can stand in no configuration line, whatever quotes are around them. */
const control = /\p{Cc}/gu;

/** One word of HAProxy's configuration, whatever it holds: in strong quotes nothing is expanded. */
export function word(text: string): string {
  return `'${text.replace(control, '').replaceAll("'", `'\\''`)}'`;
}

/** A word that HAProxy reads as a log format: percent signs are themselves. */
export function format(text: string): string {
  return word(text.replaceAll('%', '%%'));
}

/** Names of header fields and cookies that may stand inside a sample expression. */
export function isPlainName(name: string): boolean {
  return /^[A-Za-z0-9_.-]{1,100}$/.test(name);
}

/** What may be the key of a map: visible ASCII, so that neither a map file nor a command can read it in another way. */
export function isMapKey(text: string): boolean {
  return /^[\x21-\x7e]{1,1024}$/.test(text) && !text.startsWith('#');
}

/** An argument of a run-time command. At the end of a line `<<` would make what follows the command's payload. */
export function argument(text: string): string {
  return text.replace(/[\\; <]/g, '\\$&');
}

/** Text that a regular expression takes literally. */
export function literal(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&');
}
