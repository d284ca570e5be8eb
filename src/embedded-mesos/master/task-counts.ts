import { isTerminalState, type TaskState } from '../protocol/v1.js';

/** Tasks by state: those that live are counted as they are, those that ended are summed up for ever. */
export class TaskCounts {
  readonly #counts = new Map<TaskState, number>();

  of(state: TaskState): number {
    return this.#counts.get(state) ?? 0;
  }

  enter(state: TaskState): void {
    this.#counts.set(state, this.of(state) + 1);
  }

  /** A task leaves a state it lived in; what ended stays counted. */
  leave(state: TaskState): void {
    if (!isTerminalState(state)) this.#counts.set(state, Math.max(0, this.of(state) - 1));
  }
}
