/** The origins of `--access-control-allow-origin a,b`; `*` stands for all. */
export function originList(text: string | undefined): readonly string[] {
  if (text === undefined) return [];
  return text
    .split(',')
    .map((origin) => origin.trim().replace(/\/+$/, '').toLowerCase())
    .filter((origin) => origin !== '');
}

/** Whether a text can be an entry of the list: `*`, or a scheme and an authority, as browsers send origins. */
export function isOrigin(text: string): boolean {
  return text === '*' || /^[a-z][a-z0-9+.-]*:\/\/[^/\s,]+$/i.test(text);
}

/** Whether the list names this origin itself: the wildcard lets every page read, only a named origin may write. */
export function namesOrigin(list: readonly string[], origin: string | undefined): boolean {
  return origin !== undefined && list.includes(origin.toLowerCase());
}
