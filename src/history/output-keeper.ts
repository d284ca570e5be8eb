import type { App } from '../apps/app.js';
import { readStoredRecord } from '../apps/decide/stored-app.js';
import type { Log } from '../logging/log.js';
import { getUnlessCorrupt } from '../store/get-unless-corrupt.js';
import { keys, type StateStore } from '../store/state-store.js';
import { lastLines } from './decide/last-lines.js';
import type { EndedTask, TaskOutput } from './ended-task.js';
import type { ReadsOutput } from './output-reader.js';

/** Tasks whose lines are fetched side by side, and those that wait for it; beyond that the oldest waits for the next start. */
export const FETCHES = 4;
export const MAX_WAITING_FETCHES = 1_000;

/** A task whose lines are to be fetched, as it is stored until they are. */
export type DueOutput = Pick<EndedTask, 'seq' | 'appId' | 'taskId' | 'agentId' | 'version'>;

export interface OutputKeeperOptions {
  readonly store: Pick<StateStore, 'get' | 'commit'>;
  readonly epoch: number;
  readonly reader: ReadsOutput;
  /** Values of secrets that a task of this app gets. */
  readonly secretsOf?: (app: App) => readonly string[];
  /** Whether the task is still remembered. */
  readonly isKept: (task: DueOutput) => boolean;
  readonly log: Log;
}

/** Fetches the last lines of ended tasks, once each, beside everything else: nobody waits for it. */
export class OutputKeeper {
  readonly #waiting: DueOutput[] = [];
  #running = 0;
  #stopped = false;
  readonly #idle: (() => void)[] = [];

  constructor(private readonly options: OutputKeeperOptions) {}

  fetch(task: DueOutput): void {
    if (this.#stopped) return;
    this.#waiting.push(task);
    if (this.#waiting.length > MAX_WAITING_FETCHES) {
      const dropped = this.#waiting.shift();
      this.options.log.warn(
        'more tasks end than their last lines can be fetched; tried again at the next start',
        {
          task: dropped?.taskId,
        },
      );
    }
    this.#next();
  }

  /** Resolves when what is under way is over; what waits is fetched after the next start. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#waiting.length = 0;
    if (this.#running > 0) await new Promise<void>((idle) => this.#idle.push(idle));
  }

  #next(): void {
    while (this.#running < FETCHES) {
      const task = this.#waiting.shift();
      if (task === undefined) break;
      this.#running += 1;
      void this.#keep(task).finally(() => {
        this.#running -= 1;
        this.#next();
        if (this.#running === 0) for (const idle of this.#idle.splice(0)) idle();
      });
    }
  }

  async #keep(task: DueOutput): Promise<void> {
    const { store, epoch, isKept, log } = this.options;
    try {
      const output = await this.#read(task);
      if (this.#stopped || !isKept(task)) return;
      await store.commit({
        epoch,
        writes: [
          { op: 'put', key: keys.endedTaskOutput(task.appId, task.seq), value: output },
          { op: 'delete', key: keys.endedTaskOutputDue(task.seq) },
        ],
      });
    } catch (error) {
      log.warn('the last lines of a task could not be stored; tried again at the next start', {
        task: task.taskId,
        error: sentenceOf(error),
      });
    }
  }

  async #read({ agentId, taskId, ...task }: DueOutput): Promise<TaskOutput> {
    const secrets = await this.#secrets(task);
    if (secrets === undefined)
      return {
        problem: 'the definition it ran is gone, so what must not be shown of its output is not known',
      };
    try {
      const [stdout, stderr] = await Promise.all(
        (['stdout', 'stderr'] as const).map(async (stream) => {
          const { text, torn } = await this.options.reader.tail(agentId, taskId, stream);
          return lastLines(text, torn, secrets);
        }),
      );
      if (stdout === undefined || stderr === undefined) throw new Error('a stream has no answer');
      return { stdout, stderr };
    } catch (error) {
      return { problem: sentenceOf(error) };
    }
  }

  /** The values of its environment: a program may print them, they are stored nowhere but in definitions. */
  async #secrets({
    appId,
    version,
  }: Pick<DueOutput, 'appId' | 'version'>): Promise<readonly string[] | undefined> {
    const { store, log } = this.options;
    const value = await getUnlessCorrupt(store, keys.appVersion(appId, version), ({ key, problem }) =>
      log.warn('a stored version of an app cannot be read', { key, problem }),
    );
    const record = value === undefined ? undefined : readStoredRecord(value, appId);
    if (record === undefined || 'problem' in record) return undefined;
    const own = Object.values(record.app.env).filter((each) => typeof each === 'string');
    return [...own, ...(this.options.secretsOf?.(record.app) ?? [])];
  }
}

function sentenceOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
