import type { EventBus, PublishedEvent } from '../events/event-bus.js';
import type { Log } from '../logging/log.js';
import type { Clock } from '../util/clock.js';

/** Most failures of tasks that are told one by one in a period; the rest are counted, so that a crash loop fills no disk. */
const FAILURES_PER_PERIOD = 20;
const PERIOD_MS = 10_000;

const failedStates = [
  'TASK_FAILED',
  'TASK_ERROR',
  'TASK_LOST',
  'TASK_DROPPED',
  'TASK_GONE',
  'TASK_UNREACHABLE',
] as const;

/** Only what an operator wants to read in the log is parsed. */
const failedState = new RegExp(`"taskStatus":"(?:${failedStates.join('|')})"`);

type Body = Readonly<Record<string, unknown>>;

/**
 * Tells the log what an operator looks for there: how deployments end, and which tasks fail and why. Everything else
 * is in `/v2/events`.
 */
export class Narrator {
  #stop: (() => void) | undefined;
  #periodBeganMs = Number.NEGATIVE_INFINITY;
  #told = 0;
  #untold = 0;

  constructor(
    private readonly events: Pick<EventBus, 'subscribe'>,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {}

  start(): void {
    this.#stop = this.events.subscribe((event) => this.#hear(event));
  }

  stop(): void {
    this.#stop?.();
    this.#stop = undefined;
  }

  #hear({ eventType, json }: PublishedEvent): void {
    switch (eventType) {
      case 'deployment_success':
        this.log.info('a deployment is done', deploymentFacts(JSON.parse(json) as Body));
        break;
      case 'deployment_failed': {
        const body = JSON.parse(json) as Body;
        this.log.warn('a deployment failed', { ...deploymentFacts(body), reason: body['reason'] });
        break;
      }
      case 'unhealthy_instance_kill_event': {
        const { taskId, host, reason } = JSON.parse(json) as Body;
        this.#tellFailure('an unhealthy task is killed', { task: taskId, host, reason });
        break;
      }
      case 'status_update_event':
        if (failedState.test(json)) {
          const { taskId, host, taskStatus, message } = JSON.parse(json) as Body;
          this.#tellFailure('a task failed', { task: taskId, host, state: taskStatus, message });
        }
        break;
    }
  }

  #tellFailure(message: string, facts: Body): void {
    const nowMs = this.clock.monotonicMs();
    if (nowMs - this.#periodBeganMs >= PERIOD_MS) {
      if (this.#untold > 0)
        this.log.warn('more tasks failed than are told one by one', { more: this.#untold });
      this.#periodBeganMs = nowMs;
      this.#told = 0;
      this.#untold = 0;
    }
    if (this.#told >= FAILURES_PER_PERIOD) {
      this.#untold++;
      return;
    }
    this.#told++;
    this.log.warn(message, facts);
  }
}

/** Most apps that one line names. */
const APPS_NAMED = 5;

function deploymentFacts(body: Body): { deployment: unknown; apps: string } {
  const plan = body['plan'] as
    | { readonly steps?: readonly { readonly actions: readonly { readonly app?: string }[] }[] }
    | undefined;
  const apps = new Set<string>();
  for (const { actions } of plan?.steps ?? []) for (const { app } of actions) if (app) apps.add(app);
  const named = [...apps].slice(0, APPS_NAMED).join(' ');
  return {
    deployment: body['id'],
    apps: apps.size > APPS_NAMED ? `${named} and ${apps.size - APPS_NAMED} more` : named,
  };
}
