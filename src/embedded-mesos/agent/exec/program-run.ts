import type { ProgramSource } from '../../containers/decide/enter-words.js';
import type { ProgramEnd } from './host-messages.js';
import type { Program } from './program.js';
import { startProgram } from './start-program.js';

/** What is kept of a program's output, for the sentence that tells of its failure. */
const OUTPUT_BYTES = 4 * 1024;
/** Time for a program that was killed to be gone; the kernel may hold it longer, or its engine be away. */
const KILLED_LIMIT_MS = 5_000;

/** A program that runs to its end, or to the end of its time; nobody talks to it. */
export class ProgramRun {
  #program: Program | undefined;
  #forced: ProgramEnd | undefined;
  #output: Buffer = Buffer.alloc(0);
  #timer: NodeJS.Timeout | undefined;
  #over = false;

  /** `onEnd` is called once, with the last of what it wrote. */
  constructor(private readonly onEnd: (end: ProgramEnd, output: string) => void) {}

  async start(source: ProgramSource, timeoutMs: number | undefined): Promise<void> {
    if (timeoutMs !== undefined) this.#timer = setTimeout(() => this.#force({ timedOut: true }), timeoutMs);
    try {
      this.#program = await startProgram(
        source,
        { input: false },
        {
          onOutput: (_stream, chunk) => {
            this.#output = Buffer.concat([this.#output, chunk]).subarray(-OUTPUT_BYTES);
          },
          onDrain: () => undefined,
          onEnd: (end) => this.#finish(end),
        },
      );
      if (this.#forced) this.#program.kill();
    } catch (error) {
      this.#finish({ failure: error instanceof Error ? error.message : String(error) });
    }
  }

  end(why: string): void {
    this.#force({ failure: why });
  }

  #force(end: ProgramEnd): void {
    if (this.#over) return;
    this.#forced = end;
    clearTimeout(this.#timer);
    this.#program?.kill();
    this.#timer = setTimeout(() => this.#finish(end), KILLED_LIMIT_MS);
  }

  #finish(end: ProgramEnd): void {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#timer);
    this.onEnd(this.#forced ?? end, this.#output.toString('utf8'));
  }
}
