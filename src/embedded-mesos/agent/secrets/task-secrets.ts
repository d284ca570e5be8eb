import type { Log } from '../../../logging/log.js';
import type { ContainerSpec } from '../../containers/containerizer.js';
import type { ToAgent } from '../../protocol/agent-line.js';
import type { TaskInfo } from '../../protocol/v1.js';
import { hasImage } from '../decide/docker-task.js';
import { type SecretRefs, secretEnvironment, secretRefs } from '../decide/secret-refs.js';
import { launchFailure, type Outcome } from '../decide/status.js';
import type { TaskRecord } from '../task-record.js';
import type { SecretFiles } from './secret-files.js';
import type { SecretRequests } from './secret-requests.js';

/** How a task's secrets turned out. */
export type SecretsOutcome = { readonly type: 'obtained' } | { readonly type: 'cancelled' } | Outcome;

export const hasSecrets = (task: Pick<TaskInfo, 'command' | 'container' | 'labels'>): boolean =>
  secretRefs(task).names.length > 0;

/**
 * The secrets of this agent's tasks.
 *
 * INVARIANTS
 * - A value is asked of the server when the task is launched, and lies in memory as long as its container is there.
 * - No record, log or answer of the agent has a value: they have the secrets' names.
 */
export class TaskSecrets {
  /** Running tasks some of whose files are to be refreshed, by task id. */
  readonly #refreshed = new Map<string, TaskRecord>();

  constructor(
    private readonly files: SecretFiles,
    private readonly requests: SecretRequests,
    private readonly log: Log,
  ) {}

  /** Asks for a task's secrets and lays them down for its container. Never throws. */
  async obtain(record: TaskRecord): Promise<SecretsOutcome> {
    const { task, frameworkId, containerId } = record;
    try {
      const { fault } = this.files;
      if (fault !== undefined) return launchFailure(fault);
      const refs = secretRefs(task);
      const answer = await this.requests.ask(frameworkId, task.task_id.value, refs.names);
      if ('cancelled' in answer) return { type: 'cancelled' };
      if ('failure' in answer) return launchFailure(answer.failure);
      const environment = secretEnvironment(refs.variables, answer.values);
      if ('failure' in environment) return launchFailure(environment.failure);
      const { login } = refs;
      const names = [...refs.files.map(({ name }) => name), ...(login === undefined ? [] : [login])];
      const bytes = names.map((name) => Buffer.from(answer.values[name] ?? '', 'base64'));
      this.files.write(containerId, environment, bytes, hasImage(task) ? 'any' : record.account);
      return { type: 'obtained' };
    } catch (error) {
      this.files.remove(containerId);
      return launchFailure(`its secrets could not be laid down: ${(error as Error).message}`);
    }
  }

  /** The container with what its secrets add: values of variables, and files. */
  complete(spec: ContainerSpec, task: TaskInfo): ContainerSpec {
    const refs = secretRefs(task);
    if (refs.names.length === 0) return spec;
    const secret = new Map(this.files.environment(spec.id).map((variable) => [variable.name, variable]));
    const mounts = refs.files.map(({ containerPath }, index) => ({
      source: this.files.path(spec.id, index),
      target: containerPath,
      readOnly: true,
    }));
    // After those of its volumes, and not among its mounts: the task itself never sees it.
    const loginPath = refs.login === undefined ? undefined : this.files.path(spec.id, refs.files.length);
    return {
      ...spec,
      ...(spec.docker && loginPath !== undefined && { docker: { ...spec.docker, loginPath } }),
      environment: spec.environment.map((variable) => secret.get(variable.name) ?? variable),
      ...(mounts.length > 0 && { mounts: [...(spec.mounts ?? []), ...mounts] }),
    };
  }

  /** To be told of every recovered task that is not ended, and at each change of a task's phase. */
  onPhase(record: TaskRecord): void {
    const { task, phase, containerId } = record;
    const refs = secretRefs(task);
    if (refs.names.length === 0) return;
    const taskId = task.task_id.value;
    if (phase === 'running' && refs.files.some(({ refresh }) => refresh)) this.#refreshed.set(taskId, record);
    else this.#refreshed.delete(taskId);
    if (phase === 'ended') this.files.remove(containerId);
  }

  receive(message: Extract<ToAgent, { type: 'SECRETS' | 'SECRETS_CHANGED' }>): void {
    if (message.type === 'SECRETS') this.requests.answered(message);
    else this.#refresh(new Set(message.names));
  }

  /** Whatever was changed while nobody told this agent. */
  registered(): void {
    this.requests.registered();
    this.#refresh(undefined);
  }

  cancel(taskId: string): void {
    this.requests.cancel(taskId);
  }

  /** `alive`: containers that may still be there. */
  start(alive: Iterable<TaskRecord>): void {
    const ids = [...alive].filter(({ phase }) => phase !== 'ended').map(({ containerId }) => containerId);
    this.files.sweep(new Set(ids));
  }

  stop(): void {
    this.requests.stop();
  }

  /** `changed` undefined: all of them. */
  #refresh(changed: ReadonlySet<string> | undefined): void {
    for (const record of this.#refreshed.values()) {
      const refs = secretRefs(record.task);
      const wanted = refs.files.filter(({ refresh, name }) => refresh && (changed?.has(name) ?? true));
      if (wanted.length > 0) void this.#rewrite(record, refs, new Set(wanted.map(({ name }) => name)));
    }
  }

  async #rewrite(
    { task, frameworkId, containerId }: TaskRecord,
    refs: SecretRefs,
    names: ReadonlySet<string>,
  ): Promise<void> {
    const taskId = task.task_id.value;
    const answer = await this.requests.ask(frameworkId, taskId, [...names]);
    if ('cancelled' in answer || !this.#refreshed.has(taskId)) return;
    if ('failure' in answer) {
      this.log.warn('the files of a task keep the former values of its secrets', {
        task: taskId,
        why: answer.failure,
      });
      return;
    }
    try {
      for (const [index, { name, refresh }] of refs.files.entries())
        if (refresh && names.has(name))
          this.files.rewrite(containerId, index, Buffer.from(answer.values[name] ?? '', 'base64'));
    } catch (error) {
      this.log.warn('a new value of a secret could not be written for a task', {
        task: taskId,
        error: (error as Error).message,
      });
    }
  }
}
