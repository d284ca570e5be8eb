interface Range {
  readonly type: string;
  readonly subtype: string;
  readonly quality: number;
}

/** Most media ranges of one Accept header that are looked at. */
const MAX_RANGES = 64;

function parseAccept(header: string): readonly Range[] {
  const ranges: Range[] = [];
  for (const part of header.split(',').slice(0, MAX_RANGES)) {
    const [name = '', ...parameters] = part.split(';').map((text) => text.trim().toLowerCase());
    const [type, subtype] = name.split('/');
    if (!type || !subtype) continue;
    const q = parameters.find((text) => text.startsWith('q='));
    const quality = q === undefined ? 1 : Number(q.slice(2));
    ranges.push({ type, subtype, quality: Number.isFinite(quality) ? Math.min(1, Math.max(0, quality)) : 0 });
  }
  return ranges;
}

function qualityOf(mediaType: string, ranges: readonly Range[]): number {
  const [type = '', subtype = ''] = mediaType.split('/');
  let precision = -1;
  let quality = 0;
  for (const range of ranges) {
    if (range.type !== '*' && range.type !== type) continue;
    if (range.subtype !== '*' && range.subtype !== subtype) continue;
    const specific = (range.type === '*' ? 0 : 1) + (range.subtype === '*' ? 0 : 2);
    if (specific > precision) {
      precision = specific;
      quality = range.quality;
    }
  }
  return quality;
}

/**
 * The media type of `offered` that an Accept header likes best (RFC 9110 section 12.5.1); ties go to the one offered
 * first. Undefined when it accepts none of them. No header, or an empty one, accepts everything.
 */
export function preferredType(accept: string | undefined, offered: readonly string[]): string | undefined {
  if (accept === undefined || accept.trim() === '') return offered[0];
  const ranges = parseAccept(accept);
  let best: string | undefined;
  let bestQuality = 0;
  for (const type of offered) {
    const quality = qualityOf(type, ranges);
    if (quality > bestQuality) {
      best = type;
      bestQuality = quality;
    }
  }
  return best;
}

/** Whether the header itself names `mediaType`: a wildcard is not enough. */
export function namesType(accept: string | undefined, mediaType: string): boolean {
  return parseAccept(accept ?? '').some(
    ({ type, subtype, quality }) => quality > 0 && `${type}/${subtype}` === mediaType,
  );
}
