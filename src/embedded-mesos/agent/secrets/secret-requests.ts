import type { Clock, Timer } from '../../../util/clock.js';
import type { FromAgent, ToAgent } from '../../protocol/agent-line.js';

/** So long the server may take to give a task its secrets; it may be away for a while. */
export const ANSWER_LIMIT_MS = 60_000;

/** `values`: bytes in base64, by the secrets' names. */
export type SecretAnswer =
  | { readonly values: Readonly<Record<string, string>> }
  | { readonly failure: string }
  | { readonly cancelled: true };

interface Asked {
  readonly message: Extract<FromAgent, { type: 'ASK_SECRETS' }>;
  readonly timer: Timer;
  readonly answer: (answer: SecretAnswer) => void;
}

/** Asks the server for tasks' secrets: over the line, again after every registration, until there is an answer. */
export class SecretRequests {
  readonly #asked = new Map<string, Asked>();

  constructor(
    private readonly send: (message: FromAgent) => void,
    private readonly clock: Clock,
  ) {}

  /** One question at a time for a task: a new one takes the place of the former. */
  ask(frameworkId: string, taskId: string, names: readonly string[]): Promise<SecretAnswer> {
    this.cancel(taskId);
    return new Promise((answer) => {
      const message = { type: 'ASK_SECRETS', frameworkId, taskId, names } as const;
      const failure = `the server did not give the task its secrets within ${ANSWER_LIMIT_MS / 1_000} s`;
      const timer = this.clock.after(ANSWER_LIMIT_MS, () => this.#end(taskId, { failure }));
      this.#asked.set(taskId, { message, timer, answer });
      this.send(message);
    });
  }

  answered({ taskId, values, failure }: Extract<ToAgent, { type: 'SECRETS' }>): void {
    this.#end(
      taskId,
      values === undefined ? { failure: failure ?? 'the server gave no secrets' } : { values },
    );
  }

  /** What was asked on a former registration may have been dropped. */
  registered(): void {
    for (const { message } of this.#asked.values()) this.send(message);
  }

  cancel(taskId: string): void {
    this.#end(taskId, { cancelled: true });
  }

  stop(): void {
    for (const taskId of [...this.#asked.keys()]) this.cancel(taskId);
  }

  #end(taskId: string, answer: SecretAnswer): void {
    const asked = this.#asked.get(taskId);
    if (asked === undefined) return;
    this.#asked.delete(taskId);
    asked.timer.cancel();
    asked.answer(answer);
  }
}
