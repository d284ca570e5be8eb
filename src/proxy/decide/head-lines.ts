/**
 * Reading and changing checked header lines: text in latin1 in which every line is `name: value` with its CRLF. Names that
 * are asked for are in lower case.
 */

/** The values of a field, without the blanks around them, in their order. */
export function fieldValues(lines: string, name: string): string[] {
  const values: string[] = [];
  const wanted = name.length;
  for (let at = 0; at < lines.length; ) {
    const end = endOf(lines, at);
    if (lines.charCodeAt(at + wanted) === 0x3a && isNamed(lines, at, name))
      values.push(lines.slice(at + wanted + 1, end).trim());
    at = end + 2;
  }
  return values;
}

/** The values of the cookies of that name (names of cookies are told apart by case), without quotes around them. */
export function cookieValues(lines: string, name: string): string[] {
  const values: string[] = [];
  for (const field of fieldValues(lines, 'cookie')) {
    for (const pair of field.split(';')) {
      const equals = pair.indexOf('=');
      if (equals >= 0 && pair.slice(0, equals).trim() === name)
        values.push(
          pair
            .slice(equals + 1)
            .trim()
            .replace(/^"(.*)"$/, '$1'),
        );
    }
  }
  return values;
}

/** The lines without those of these fields. */
export function withoutFields(lines: string, names: ReadonlySet<string>): string {
  let kept = '';
  let from = 0;
  for (let at = 0; at < lines.length; ) {
    const end = endOf(lines, at);
    const colon = lines.indexOf(':', at);
    if (colon >= 0 && colon < end && names.has(lines.slice(at, colon).toLowerCase())) {
      kept += lines.slice(from, at);
      from = end + 2;
    }
    at = end + 2;
  }
  return from === 0 ? lines : kept + lines.slice(from);
}

function endOf(lines: string, at: number): number {
  const end = lines.indexOf('\r\n', at);
  return end < 0 ? lines.length : end;
}

function isNamed(lines: string, at: number, name: string): boolean {
  return lines.slice(at, at + name.length).toLowerCase() === name;
}

/** The lines with the values of a field changed. */
export function withField(lines: string, name: string, change: (value: string) => string): string {
  let changed = '';
  let from = 0;
  for (let at = 0; at < lines.length; ) {
    const end = endOf(lines, at);
    const colon = at + name.length;
    if (lines.charCodeAt(colon) === 0x3a && isNamed(lines, at, name)) {
      changed += `${lines.slice(from, colon)}: ${change(lines.slice(colon + 1, end).trim())}`;
      from = end;
    }
    at = end + 2;
  }
  return from === 0 ? lines : changed + lines.slice(from);
}
