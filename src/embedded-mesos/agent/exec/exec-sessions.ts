import type { Socket } from 'node:net';
import type { Log } from '../../../logging/log.js';
import type { Containerizer, Entrance } from '../../containers/containerizer.js';
import { enterContainer } from '../../containers/enter.js';
import type { ExecWish } from '../decide/exec-protocol.js';
import type { TaskRecord } from '../task-record.js';
import type { ExecHost } from './exec-host.js';
import type { OpeningRequest, ProgramEnd } from './host-messages.js';

/** Sessions at once, on this agent and in one task. */
export const MAX_SESSIONS = 64;
export const MAX_SESSIONS_OF_TASK = 8;
/** A session in which nothing is said for so long is ended. */
export const DEFAULT_IDLE_MS = 30 * 60_000;

/** Why a session cannot be had: an HTTP status and a sentence. */
export interface ExecRefusal {
  readonly status: 404 | 409 | 429 | 501;
  readonly message: string;
}

/**
 * Sessions in running tasks: programs that somebody talks to.
 *
 * INVARIANTS
 * - At most MAX_SESSIONS, and MAX_SESSIONS_OF_TASK in one task.
 * - A session ends with its task: at the latest when nothing of that runs any more.
 */
export class ExecSessions {
  readonly #byTask = new Map<string, Set<(why: string) => void>>();
  #size = 0;

  constructor(
    private readonly options: {
      readonly containerizer: Pick<Containerizer, 'entrance'>;
      readonly host: ExecHost;
      readonly idleMs: number;
      readonly log: Log;
    },
  ) {}

  get size(): number {
    return this.#size;
  }

  /**
   * Opens a session of a task: the socket is given away, its opening answered by whoever keeps the program. A refusal leaves
   * the socket alone.
   */
  async open(
    record: TaskRecord,
    wish: ExecWish,
    request: OpeningRequest,
    socket: Socket,
  ): Promise<ExecRefusal | undefined> {
    const { containerizer, host, idleMs, log } = this.options;
    const task = record.task.task_id.value;
    if (record.phase !== 'running') return { status: 409, message: `Task '${task}' does not run.` };
    if (this.#size >= MAX_SESSIONS || (this.#byTask.get(task)?.size ?? 0) >= MAX_SESSIONS_OF_TASK) {
      const message = `There are too many sessions: ${MAX_SESSIONS} on an agent and ${MAX_SESSIONS_OF_TASK} in a task at most.`;
      return { status: 429, message };
    }
    const taken = this.#take(task);
    let entrance: Entrance | undefined;
    try {
      entrance = await containerizer.entrance?.(record.containerId);
    } catch (error) {
      taken.free();
      const message = `The container of task '${task}' cannot be entered just now: ${(error as Error).message}.`;
      return { status: 409, message };
    }
    if (!entrance || taken.over()) {
      taken.free();
      return { status: 409, message: `The container of task '${task}' cannot be entered: it does not run.` };
    }
    try {
      const { argv, terminal, input } = wish;
      const words = terminal
        ? { ...entrance, environment: [{ name: 'TERM', value: 'xterm-256color' }, ...entrance.environment] }
        : entrance;
      const entering = enterContainer(words, argv, terminal !== undefined);
      const order = { entering, ...(terminal && { terminal }), input, idleMs, request };
      log.info('a session begins in a task', { task, program: argv[0], terminal: terminal !== undefined });
      taken.give(
        host.attach(socket, order, (end) => {
          taken.free();
          log.info('a session in a task has ended', { task, ...endFacts(end) });
        }),
      );
      return undefined;
    } catch (error) {
      taken.free();
      return { status: 409, message: `Task '${task}' cannot be entered: ${(error as Error).message}.` };
    }
  }

  /** A place among the sessions of a task, until it is freed. */
  #take(task: string): {
    readonly over: () => boolean;
    readonly give: (end: (why: string) => void) => void;
    readonly free: () => void;
  } {
    let ended: string | undefined;
    let end: ((why: string) => void) | undefined;
    const entry = (why: string): void => {
      ended = why;
      end?.(why);
    };
    const entries = this.#byTask.get(task) ?? new Set();
    this.#byTask.set(task, entries.add(entry));
    this.#size++;
    return {
      over: () => ended !== undefined,
      give: (how) => {
        end = how;
        if (ended !== undefined) how(ended);
      },
      free: () => {
        if (!entries.delete(entry)) return;
        this.#size--;
        if (entries.size === 0) this.#byTask.delete(task);
      },
    };
  }

  /** A task's last phase ends its sessions; while it is being killed they may watch. */
  follow({ task, phase }: TaskRecord): void {
    if (phase !== 'ended') return;
    for (const end of this.#byTask.get(task.task_id.value) ?? []) end('the task has ended');
  }
}

function endFacts(end: ProgramEnd): Readonly<Record<string, unknown>> {
  return 'failure' in end ? { why: end.failure } : { ...end };
}
