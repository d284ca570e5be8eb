/** Members and elements so deep inside are written in one piece with all in them. */
const WHOLE_FROM_DEPTH = 3;

/**
 * The text that `JSON.stringify` makes of plain data (no `toJSON`), in pieces, so that a value of megabytes can be written
 * while others have their turn. No piece at all: the value is no JSON.
 */
export function* jsonPieces(value: unknown, wholeFromDepth = WHOLE_FROM_DEPTH): Generator<string> {
  if (typeof value !== 'object' || value === null || wholeFromDepth <= 0) {
    const text: string | undefined = JSON.stringify(value);
    if (text !== undefined) yield text;
    return;
  }
  const isList = Array.isArray(value);
  let before = isList ? '[' : '{';
  for (const [name, member] of Object.entries(value)) {
    let isEmpty = true;
    for (const piece of jsonPieces(member, wholeFromDepth - 1)) {
      yield isEmpty ? `${before}${isList ? '' : `${JSON.stringify(name)}:`}${piece}` : piece;
      isEmpty = false;
    }
    if (isEmpty && isList) yield `${before}null`;
    if (!isEmpty || isList) before = ',';
  }
  yield `${before === ',' ? '' : before}${isList ? ']' : '}'}`;
}
