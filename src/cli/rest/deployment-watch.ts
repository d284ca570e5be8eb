import type { Schemas } from '../../api/contract/load-contract.js';
import { pause } from './pause.js';
import { type RestClient, RestError, type StreamedEvent } from './rest-client.js';

/** How a deployment ended, as far as can be told. `ended`: it is gone, but its last event was missed. */
export type Outcome =
  | { readonly kind: 'success' }
  | { readonly kind: 'failed'; readonly reason: string }
  | { readonly kind: 'ended' }
  | { readonly kind: 'timeout' }
  | { readonly kind: 'interrupted' };

export interface WatchOptions {
  readonly interrupted: AbortSignal;
  readonly timeoutMs: number;
  readonly pollMs: number;
  /** What it waits for, whenever that is looked up. */
  readonly onProgress: (deployment: Schemas['DeploymentStepInfo']) => void;
}

/** Looks at the list in which the deployment is missing before it counts as ended without an event. */
const MISSED_LOOKS = 3;
/** Between two attempts to open the stream again. */
const REOPEN_MS = 500;
const endings = ['deployment_success', 'deployment_failed'] as const;

/**
 * Follows deployments. `open` before the change is sent, so that no ending is missed; then ask for the `outcome`. The
 * event stream tells the ending, the list tells progress, and, when the stream broke, that there is nothing more to wait for.
 */
export class DeploymentWatch {
  readonly #stop = new AbortController();
  readonly #ended = new Map<string, Outcome>();
  #lastEventId: string | undefined;
  /** Aborted at each ending that arrives, so that nobody sleeps through it. */
  #news = new AbortController();

  constructor(private readonly client: RestClient) {}

  async open(): Promise<void> {
    const events = await this.client.events(endings, { signal: this.#stop.signal });
    void this.#read(events);
  }

  close(): void {
    this.#stop.abort();
  }

  async outcome(id: string, options: WatchOptions): Promise<Outcome> {
    const deadline = performance.now() + options.timeoutMs;
    let missed = 0;
    for (;;) {
      const ended = this.#ended.get(id);
      if (ended) return ended;
      if (options.interrupted.aborted) return { kind: 'interrupted' };
      if (performance.now() >= deadline) return { kind: 'timeout' };
      const deployment = await this.#look(id);
      if (deployment === 'unknown') missed = 0;
      else if (deployment === undefined) missed++;
      else {
        missed = 0;
        options.onProgress(deployment);
      }
      if (missed >= MISSED_LOOKS) return this.#ended.get(id) ?? { kind: 'ended' };
      await pause(options.pollMs, [options.interrupted, this.#news.signal]);
      if (this.#news.signal.aborted) this.#news = new AbortController();
    }
  }

  /** The deployment as listed; undefined when it is not; `unknown` while the server cannot be asked (it may be restarting). */
  async #look(id: string): Promise<Schemas['DeploymentStepInfo'] | undefined | 'unknown'> {
    try {
      const all = await this.client.get<readonly Schemas['DeploymentStepInfo'][]>('/v2/deployments');
      return all.find((deployment) => deployment.id === id);
    } catch (error) {
      if (error instanceof RestError && (error.status === 0 || error.status >= 500)) return 'unknown';
      throw error;
    }
  }

  async #read(first: AsyncIterable<StreamedEvent>): Promise<void> {
    let events = first;
    while (!this.#stop.signal.aborted) {
      try {
        for await (const { id, type, body } of events) {
          this.#lastEventId = id;
          if (type === 'deployment_success') this.#ended.set(String(body['id']), { kind: 'success' });
          if (type === 'deployment_failed') {
            this.#ended.set(String(body['id']), {
              kind: 'failed',
              reason: String(body['reason'] ?? 'it was cancelled'),
            });
          }
          this.#news.abort();
        }
      } catch {
        // The connection broke: resume below; `outcome` goes on looking at the list meanwhile.
      }
      const again = await this.#reopen();
      if (again === undefined) return;
      events = again;
    }
  }

  async #reopen(): Promise<AsyncIterable<StreamedEvent> | undefined> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      await pause(REOPEN_MS, [signal]);
      if (signal.aborted) break;
      try {
        const lastEventId = this.#lastEventId;
        return await this.client.events(endings, {
          signal,
          ...(lastEventId === undefined ? {} : { lastEventId }),
        });
      } catch {
        // Still away: try again; `outcome` has a limit of its own.
      }
    }
    return undefined;
  }
}
