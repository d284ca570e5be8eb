/** Codings that answers can be sent in. */
export type CodingName = 'gzip' | 'deflate';

/** Most codings of one Accept-Encoding header that are looked at. */
const MAX_CODINGS = 32;

const offered: readonly CodingName[] = ['gzip', 'deflate'];

/**
 * The coding that an Accept-Encoding header likes best (RFC 9110 section 12.5.3); undefined when the answer goes out as
 * it is: no header, none of ours wanted, or `identity` liked better. Ties go to gzip.
 */
export function preferredCoding(header: string | undefined): CodingName | undefined {
  if (header === undefined) return undefined;
  const qualities = new Map<string, number>();
  for (const part of header.split(',').slice(0, MAX_CODINGS)) {
    const [name = '', ...parameters] = part.split(';').map((text) => text.trim().toLowerCase());
    if (name === '') continue;
    const q = parameters.find((text) => text.startsWith('q='));
    const quality = q === undefined ? 1 : Number(q.slice(2));
    qualities.set(name === 'x-gzip' ? 'gzip' : name, Number.isFinite(quality) ? quality : 0);
  }
  const rest = qualities.get('*') ?? 0;
  let best: CodingName | undefined;
  let bestQuality = 0;
  for (const name of offered) {
    const quality = qualities.get(name) ?? rest;
    if (quality > bestQuality) {
      best = name;
      bestQuality = quality;
    }
  }
  return (qualities.get('identity') ?? 0) > bestQuality ? undefined : best;
}
