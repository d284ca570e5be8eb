import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { FolderSize } from './walk-folder.js';

/** Keeps a process small that only counts. */
const NODE_FLAGS = ['--max-semi-space-size=1', '--max-old-space-size=96', '--v8-pool-size=0'];

export type FolderAnswer = FolderSize | { readonly failure: string };

/** Asks a process of its own for the sizes of folders; the process is there while somebody asks, and a new one when it died. */
export class FolderSizes {
  #child: ChildProcess | undefined;
  readonly #asked: ((answer: FolderAnswer) => void)[] = [];

  constructor(private readonly script: string) {}

  /** One at a time, in the order asked. Never throws: what cannot be measured says why. */
  measure(path: string): Promise<FolderAnswer> {
    const child = this.#child ?? this.#start();
    return new Promise((answer) => {
      this.#asked.push(answer);
      child.stdin?.write(`${path}\n`);
    });
  }

  #start(): ChildProcess {
    const child = spawn(process.execPath, [...NODE_FLAGS, this.script], {
      env: {},
      cwd: '/',
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    this.#child = child;
    // Its end tells all that wait.
    child.stdin?.on('error', () => undefined);
    if (child.stdout)
      createInterface({ input: child.stdout }).on('line', (line) => {
        this.#asked.shift()?.(JSON.parse(line) as FolderAnswer);
      });
    child.once('error', (error) => this.#gone(child, error.message));
    child.once('close', (code, signal) =>
      this.#gone(child, `the measuring process ended with ${code ?? signal}`),
    );
    return child;
  }

  #gone(child: ChildProcess, failure: string): void {
    if (this.#child !== child) return;
    this.#child = undefined;
    for (const answer of this.#asked.splice(0)) answer({ failure });
  }

  /** Ends the process; whoever waits is told so. */
  stop(): void {
    const child = this.#child;
    if (!child) return;
    child.kill('SIGKILL');
    this.#gone(child, 'the agent stops');
  }
}
