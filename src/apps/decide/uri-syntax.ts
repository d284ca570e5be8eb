/** Characters that no URI holds unescaped (RFC 2396, which Java's URI reads). */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are among what is looked for
const forbidden = /[\x00-\x20\x7f"<>\\^`{|}]/;

/** What is wrong with the syntax of a URI; undefined when nothing is. */
export function uriProblem(uri: string): string | undefined {
  const found = forbidden.exec(uri);
  if (found) return `Percent-encode ${JSON.stringify(found[0])}.`;
  if (/%(?![0-9a-fA-F]{2})/.test(uri)) return 'A `%` begins an escape of two hexadecimal digits.';
  if (/^[^/?#]*:/.test(uri) && !/^[a-zA-Z][a-zA-Z0-9+.-]*:/.test(uri)) return 'It has no proper scheme.';
  if (/^[a-zA-Z][a-zA-Z0-9+.-]*:$/.test(uri)) return 'There is nothing after the scheme.';
  return undefined;
}

const archives = /\.(?:tar|tar\.gz|tar\.bz2|tar\.xz|gz|tgz|tbz2|txz|zip)$/;

/** Whether the path of a URI ends like an archive; what is in `uris` is unpacked then (Marathon reference 2.5). */
export function namesArchive(uri: string): boolean {
  return archives.test(uri.split(/[?#]/)[0] ?? '');
}
