import { realpath } from 'node:fs/promises';
import { join } from 'node:path';
import type { Accounts } from '../containers/accounts.js';
import type { ContainerSpec, MountSpec } from '../containers/containerizer.js';
import { Fetcher } from '../containers/fetcher/fetcher.js';
import { volatileFolder } from '../containers/volatile-folder.js';
import type { FromAgent } from '../protocol/agent-line.js';
import type { TaskInfo } from '../protocol/v1.js';
import { instanceIdOf } from './agent-folder.js';
import type { AgentOptions } from './agent-options.js';
import { containerOf } from './decide/admit-task.js';
import { hasImage } from './decide/docker-task.js';
import { type AllowedPath, mountsOf, type ResolvedVolume, wantedVolumes } from './decide/host-volumes.js';
import { launchFailure, type Outcome } from './decide/status.js';
import { SecretFiles } from './secrets/secret-files.js';
import { SecretRequests } from './secrets/secret-requests.js';
import { hasSecrets, TaskSecrets } from './secrets/task-secrets.js';
import type { TaskRecord } from './task-record.js';

/** How a task's files turned out. */
export type FetchOutcome = { readonly type: 'fetched' } | { readonly type: 'cancelled' } | Outcome;

const hasFiles = ({ command }: Pick<TaskInfo, 'command'>): boolean => (command?.uris?.length ?? 0) > 0;

/** Whether a task has files that are fetched, or secrets that are asked for, before it starts. */
export function isPrepared(task: TaskInfo): boolean {
  return hasFiles(task) || hasSecrets(task);
}

/**
 * What a task needs on this host before its container can be launched: its files, its
 * secrets, and the folders that its volumes stand for.
 */
export class Preparation {
  readonly fetcher: Fetcher | undefined;
  #secrets: TaskSecrets | undefined;

  /** `folder`: the agent's own in the work dir. */
  constructor(
    private readonly options: AgentOptions,
    private readonly folder: string,
    private readonly accounts: Accounts,
    private readonly send: (message: FromAgent) => void,
  ) {
    const { fetch, clock, dice, log } = options;
    this.fetcher =
      fetch &&
      new Fetcher({ cacheFolder: join(folder, 'fetched'), ...fetch, clock, dice, log: log.child('fetcher') });
  }

  /** Made when it is first asked for: the work dir is prepared by then. */
  get secrets(): TaskSecrets {
    const { workDir, clock, dice, log } = this.options;
    this.#secrets ??= new TaskSecrets(
      new SecretFiles(volatileFolder(instanceIdOf(workDir, dice)), join(this.folder, 'scripts')),
      new SecretRequests(this.send, clock),
      log.child('secrets'),
    );
    return this.#secrets;
  }

  /** The container of a task whose preparation is done. */
  containerOf(record: TaskRecord, agentId: string): ContainerSpec {
    return this.secrets.complete(containerOf(record, agentId), record.task);
  }

  async start(): Promise<void> {
    await this.fetcher?.start();
  }

  /** The mounts of a task's host volumes, or why it may not have them; undefined for a task without. */
  async volumes(
    task: TaskInfo,
  ): Promise<{ readonly mounts: readonly MountSpec[] } | { readonly refusal: Outcome } | undefined> {
    const wanted = wantedVolumes(task);
    if (wanted.length === 0) return undefined;
    const resolved: ResolvedVolume[] = [];
    for (const volume of wanted) resolved.push({ ...volume, realPath: await resolve(volume.hostPath) });
    const allowed: AllowedPath[] = [];
    for (const rule of this.options.hostVolumes ?? [])
      allowed.push({ ...rule, path: (await resolve(rule.path)) ?? rule.path });
    return mountsOf(resolved, allowed, await realpath(this.options.workDir));
  }

  /** Fetches a task's files, then asks for its secrets. Never throws. */
  async fetch(record: TaskRecord, onProgress: (message: string) => void): Promise<FetchOutcome> {
    if (hasFiles(record.task)) {
      const files = await this.#files(record, onProgress);
      if (!('type' in files) || files.type === 'cancelled') return files;
    }
    if (!hasSecrets(record.task)) return { type: 'fetched' };
    const outcome = await this.secrets.obtain(record);
    return 'type' in outcome && outcome.type === 'obtained' ? { type: 'fetched' } : (outcome as FetchOutcome);
  }

  /** As the task's user; those of an image as the user of tasks that name none. */
  async #files(record: TaskRecord, onProgress: (message: string) => void): Promise<FetchOutcome> {
    const { task, containerId } = record;
    if (!this.fetcher) return launchFailure('this agent fetches no files');
    const asDefault = record.account === undefined && hasImage(task) && process.getuid?.() === 0;
    const account = asDefault ? await this.accounts.find(this.options.defaultUser) : record.account;
    if (asDefault && !account)
      return launchFailure(`there is no user '${this.options.defaultUser}' on this host to fetch its files`);
    const end = await this.fetcher.fetch({
      containerId,
      sandbox: join(this.folder, 'sandboxes', containerId),
      ...(account && { account }),
      uris: task.command?.uris ?? [],
      onProgress,
    });
    return end.type === 'failed' ? launchFailure(end.message) : end;
  }

  /** Ends a fetch that runs; it says then that it was cancelled. */
  cancel({ containerId, task }: TaskRecord): void {
    this.fetcher?.cancel(containerId);
    this.#secrets?.cancel(task.task_id.value);
  }

  stop(): void {
    this.fetcher?.stop();
    this.#secrets?.stop();
  }
}

async function resolve(path: string): Promise<string | undefined> {
  try {
    return await realpath(path);
  } catch {
    // Not there, or not for us to see: both mean that it cannot be a volume.
    return undefined;
  }
}
