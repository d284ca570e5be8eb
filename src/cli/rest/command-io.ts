/** What a command may do to the world: print, read a file, notice Ctrl-C. */
export interface CommandIo {
  /** One or more lines to standard output, newline added. */
  out(text: string): void;
  err(text: string): void;
  /** Text as it is, for progress on a terminal and for logs. */
  raw(text: string): void;
  /** The text of a file; `-` is standard input. */
  readText(path: string): Promise<string>;
  /** Standard output is a terminal: colours and a moving progress line are welcome. */
  readonly terminal: boolean;
  readonly interrupted: AbortSignal;
}

const codes = {
  red: 31,
  green: 32,
  yellow: 33,
  blue: 34,
  magenta: 35,
  cyan: 36,
  dim: 2,
  bold: 1,
} as const;

export type Colour = keyof typeof codes;

/** Colours a text on a terminal, and only there. */
export function paint(io: Pick<CommandIo, 'terminal'>, colour: Colour, text: string): string {
  return io.terminal ? `\u001b[${codes[colour]}m${text}\u001b[0m` : text;
}

/** Texts from a server go to a terminal without control characters: a task must not paint or type there. */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is taken out
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '?');
}

/** SGR sequences: ESC [ numbers m. */
const colourSequence = new RegExp(`(${String.fromCharCode(27)}\\[[0-9;]*m)`);

/** A task's output line for a terminal: colours pass, everything else that could steer the terminal does not. */
export function printableOutput(line: string): string {
  return line
    .split(colourSequence)
    .map((part, index) => (index % 2 === 1 ? part : printable(part)))
    .join('');
}
