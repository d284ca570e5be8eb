import type { ProgramSource } from '../../containers/decide/enter-words.js';

/** A terminal's size in characters. */
export interface TerminalSize {
  readonly rows: number;
  readonly columns: number;
}

/** How a program that joined a container ended. */
export type ProgramEnd =
  | { readonly code: number }
  | { readonly signal: string }
  /** It did not end by itself within its time. */
  | { readonly timedOut: true }
  /** It could not be run, or the process that kept it went away: as a sentence without an end. */
  | { readonly failure: string };

/** A WebSocket's opening request, as far as its answer needs it. */
export interface OpeningRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** A session: a program that somebody talks to. */
export interface SessionOrder {
  readonly entering: ProgramSource;
  /** Absent: pipes. */
  readonly terminal?: TerminalSize;
  /** Whether it may be written to; otherwise its input is empty. */
  readonly input: boolean;
  /** Ended after so long without a byte either way. */
  readonly idleMs: number;
  readonly request: OpeningRequest;
}

/** From the agent to the process that keeps programs in containers. */
export type ToExecHost =
  | {
      readonly type: 'run';
      readonly id: string;
      readonly entering: ProgramSource;
      /** Absent: no limit. */
      readonly timeoutMs?: number;
    }
  /** Comes with the socket. */
  | { readonly type: 'attach'; readonly id: string; readonly order: SessionOrder }
  /** Ends a run or a session now. */
  | { readonly type: 'end'; readonly id: string; readonly why: string };

export type FromExecHost =
  /** `output`: the last of what it wrote. */
  | { readonly type: 'ran'; readonly id: string; readonly end: ProgramEnd; readonly output: string }
  | { readonly type: 'closed'; readonly id: string; readonly end: ProgramEnd };
