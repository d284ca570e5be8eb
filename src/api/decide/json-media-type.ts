/** Character sets whose bytes are UTF-8 bytes. */
const utf8Names: ReadonlySet<string> = new Set(['utf-8', 'utf8', 'us-ascii']);

/**
 * Whether a Content-Type names JSON in UTF-8: `application/json` or any `+json` type. Types that a web form can send
 * without asking first (`text/plain`, `application/x-www-form-urlencoded`, `multipart/form-data`) never are.
 */
export function isJsonMediaType(contentType: string): boolean {
  const [type = '', ...parameters] = contentType.split(';').map((part) => part.trim().toLowerCase());
  if (type !== 'application/json' && !/^[a-z]+\/[a-z0-9!#$&^_.-]+\+json$/.test(type)) return false;
  for (const parameter of parameters) {
    const charset = /^charset="?([^"]*)"?$/.exec(parameter)?.[1];
    if (charset !== undefined && !utf8Names.has(charset)) return false;
  }
  return true;
}
