import type { Log } from '../../logging/log.js';
import type { Clock } from '../../util/clock.js';
import type { TaskUsage } from '../protocol/agent-line.js';
import type { Allocator } from './allocator.js';
import type { Cluster } from './cluster.js';
import type { Counters } from './counters.js';
import type { FrameworkBook } from './framework-book.js';
import type { OfferBook } from './offer-book.js';
import type { Registrar } from './registrar.js';
import type { TaskBook } from './task-book.js';

/** Bytes in base64 by the secrets' names, or why they are not for this task, as a sentence. */
export type OpenedSecrets =
  | { readonly values: Readonly<Record<string, string>> }
  | { readonly failure: string };

export type OpenSecrets = (frameworkId: string, taskId: string, names: readonly string[]) => OpenedSecrets;

/** What the master's desks work with. */
export interface MasterParts {
  readonly masterId: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly cluster: Cluster;
  readonly counters: Counters;
  readonly allocator: Allocator;
  readonly offers: OfferBook;
  readonly tasks: TaskBook;
  readonly frameworks: FrameworkBook;
  readonly registrar: Registrar;
  /** Told what the tasks of an agent used of late. */
  readonly usage?: (agentId: string, tasks: readonly TaskUsage[]) => void;
  /** Opens what tasks refer to; absent: nobody here can. */
  readonly secrets?: OpenSecrets;
}
