import type { Settings } from '../config/settings.js';

/** How a child of `up` shall end: leave tasks running (upgrade), kill them with their grace, or at once. */
export type StopMode = 'leave-tasks' | 'kill-tasks' | 'kill-now';

/** From the parent to the server and agent processes. */
export type ToChild =
  | {
      readonly type: 'start';
      readonly settings: Settings;
      readonly serverUrl?: string;
      readonly urls?: { readonly lb: string; readonly stats: string };
    }
  /** Server: launch nothing any more; tasks are about to be killed on purpose. Answered by `quiesced`. */
  | { readonly type: 'quiesce' }
  | { readonly type: 'stop'; readonly mode: StopMode };

/** From the server and agent processes to the parent. */
export type FromChild =
  | { readonly type: 'ready'; readonly urls: Readonly<Record<string, string>> }
  | { readonly type: 'quiesced' }
  /** The operator asked for `down` through the API. */
  | { readonly type: 'down'; readonly mode: StopMode }
  /** The child cannot start for a reason that a restart will not mend (busy port, wrong setting). */
  | { readonly type: 'fatal'; readonly message: string };
