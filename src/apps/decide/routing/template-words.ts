/**
 * A line of HAProxy's configuration as its words: blanks part them, a backslash takes the next character as it is, quotes
 * keep blanks. Comments are left out. Undefined for quotes that do not end (HAProxy configuration manual 2.2).
 */
export function wordsOfLine(line: string): readonly string[] | undefined {
  const words: string[] = [];
  let word: string | undefined;
  let quote: string | undefined;
  for (let at = 0; at < line.length; at++) {
    const character = line[at] ?? '';
    if (quote === undefined && (character === ' ' || character === '\t' || character === '\r')) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else if (quote === undefined && character === '#' && word === undefined) break;
    else if (character === '\\' && quote !== "'") {
      at += 1;
      word = (word ?? '') + (line[at] ?? '');
    } else if (quote === undefined && (character === '"' || character === "'")) {
      quote = character;
      word ??= '';
    } else if (character === quote) quote = undefined;
    else word = (word ?? '') + character;
  }
  if (quote !== undefined) return undefined;
  if (word !== undefined) words.push(word);
  return words;
}
