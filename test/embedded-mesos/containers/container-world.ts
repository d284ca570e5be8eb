import { randomUUID } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type {
  Account,
  ContainerEnd,
  ContainerEvent,
  ContainerSpec,
  KnownContainer,
} from '../../../src/embedded-mesos/containers/containerizer.js';
import { detectIsolation } from '../../../src/embedded-mesos/containers/isolation/detect-isolation.js';
import type { Isolation } from '../../../src/embedded-mesos/containers/isolation/isolation.js';
import type { IsolationLevel } from '../../../src/embedded-mesos/containers/isolation/namespaces.js';
import { BridgeNetworks } from '../../../src/embedded-mesos/containers/network/bridge-networks.js';
import { ProcessContainerizer } from '../../../src/embedded-mesos/containers/process-containerizer.js';
import { allPids } from '../../../src/embedded-mesos/containers/processes.js';
import { silentLog } from '../../../src/logging/log.js';
import { SystemClock } from '../../../src/util/clock.js';
import { SystemDice } from '../../../src/util/ids.js';
import { compiledPump } from '../support/compiled-sources.js';
import { waitFor } from '../support/patient-wait.js';

export const isRoot = process.getuid?.() === 0;
export const nobody: Account = { name: 'nobody', uid: 65534, gid: 65534, groups: [65534] };

/** Real containers on this host, in a work dir and cgroups of their own. */
export class ContainerWorld {
  readonly root = mkdtempSync(join(tmpdir(), 'longrun-world-'));
  readonly instanceId = `test${randomUUID().slice(0, 8)}`;
  readonly events: ContainerEvent[] = [];
  readonly warnings: string[] = [];
  readonly specs = new Map<string, ContainerSpec>();
  readonly pump: string;
  readonly isolation: Isolation;
  containerizer: ProcessContainerizer;

  constructor(
    private readonly options: {
      pidsMax?: number;
      fileBytes?: number;
      files?: number;
      isolation?: Isolation;
      isolationLevel?: IsolationLevel;
      /** Whether containers may have networks of their own. */
      bridges?: boolean;
      /** How many containers wait; none unless said, so that a test sees only its own. */
      warm?: number;
    } = {},
  ) {
    this.pump = compiledPump();
    this.isolation = options.isolation ?? detectIsolation(this.instanceId, options.pidsMax);
    this.containerizer = this.#make();
  }

  #make(): ProcessContainerizer {
    return new ProcessContainerizer({
      root: this.root,
      isolation: this.isolation,
      ...(this.options.isolationLevel && { isolationLevel: this.options.isolationLevel }),
      ...(this.options.bridges && {
        bridges: new BridgeNetworks({
          folder: join(this.root, 'networks'),
          instanceId: this.instanceId,
          log: silentLog,
        }),
      }),
      pump: {
        script: this.pump,
        fileBytes: this.options.fileBytes ?? 1024 * 1024,
        files: this.options.files ?? 5,
      },
      onEvent: (event) => this.events.push(event),
      warmContainers: this.options.warm ?? 0,
      clock: new SystemClock(),
      dice: new SystemDice(),
      log: { ...silentLog, warn: (text) => this.warnings.push(text) },
    });
  }

  /** Waits until so many containers wait for a launch. */
  async warm(count: number): Promise<void> {
    await waitFor(() => this.containerizer.ready === count, {
      what: () => `${count} warm, not ${this.containerizer.ready}`,
    });
  }

  async start(known: readonly KnownContainer[] = []): Promise<void> {
    await this.containerizer.start(known);
  }

  /** As after a crash of the agent: the old containerizer does nothing more, a new one finds what is there. */
  async restart(): Promise<void> {
    await this.containerizer.stop();
    this.events.length = 0;
    this.containerizer = this.#make();
    await this.containerizer.start([...this.specs.values()].map((spec) => ({ spec })));
  }

  launch(command: string, more: Partial<ContainerSpec> = {}): string {
    const id = this.containerizer.nextId();
    const spec: ContainerSpec = {
      id,
      command: { shell: true, value: command, arguments: [] },
      environment: [],
      ...(isRoot && { account: nobody }),
      limits: { cpus: 0.1, memMiB: 64 },
      ...more,
    };
    this.specs.set(id, spec);
    this.containerizer.launch(spec);
    return id;
  }

  async started(id: string): Promise<number> {
    const event = await waitFor(() => this.events.find((one) => one.type === 'started' && one.id === id), {
      what: `the start of ${id}`,
    });
    return event.type === 'started' ? event.pid : 0;
  }

  /** How it ended; what it used is different each time, and asked for by `use`. */
  async ended(id: string): Promise<ContainerEnd> {
    const { use: _use, ...end } = await this.#end(id);
    return end;
  }

  async use(id: string): Promise<ContainerEnd['use']> {
    return (await this.#end(id)).use;
  }

  async #end(id: string): Promise<ContainerEnd> {
    const event = await waitFor(() => this.events.find((one) => one.type === 'ended' && one.id === id), {
      what: () => `the end of ${id}; records: ${this.records(id)}`,
    });
    return event.type === 'ended' ? event.end : {};
  }

  /** Launches and waits for the end. */
  async run(command: string, more: Partial<ContainerSpec> = {}): Promise<{ id: string; end: ContainerEnd }> {
    const id = this.launch(command, more);
    return { id, end: await this.ended(id) };
  }

  records(id: string): string {
    const { records } = this.containerizer.files;
    return readdirSync(records)
      .filter((name) => name.startsWith(id))
      .flatMap((name) => {
        const text = textOf(join(records, name));
        return text === undefined ? [] : [`${name.slice(id.length)}=${text.trim()}`];
      })
      .join(' ');
  }

  output(id: string, stream: 'stdout' | 'stderr' = 'stdout'): string {
    return readFileSync(join(this.root, 'outputs', id, stream), 'utf8');
  }

  supervisorPid(id: string): number {
    return Number(/\.supervisor=1 (\d+)/.exec(this.records(id))?.[1]);
  }

  /** Processes of this host that belong to a container (by command line or environment), the log pump excepted. */
  processesOf(id: string): readonly number[] {
    return allPids().filter((pid) => {
      try {
        return (
          readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes(id) ||
          readFileSync(`/proc/${pid}/environ`, 'latin1').includes(`MESOS_CONTAINER_ID=${id}`)
        );
      } catch {
        return false;
      }
    });
  }

  /** Ends everything and says what was left of it: nothing, in a sound world. */
  async close(): Promise<{ readonly processes: readonly number[]; readonly groups: readonly string[] }> {
    for (const id of this.specs.keys()) this.containerizer.kill(id, 0);
    for (const id of this.specs.keys()) await this.ended(id);
    await waitFor(() => [...this.specs.keys()].every((id) => this.processesOf(id).length === 0), {
      what: 'the end of all processes',
    });
    const processes = [...this.specs.keys()].flatMap((id) => this.processesOf(id));
    await this.containerizer.tearDown();
    const groups = [
      ...this.isolation.containers(),
      ...this.isolation.supervisorGroups.filter((group) => existsSync(group)),
    ];
    // A pump that is ended at its very start may still write its lock.
    rmSync(this.root, { recursive: true, force: true, maxRetries: 5 });
    return { processes, groups };
  }
}

/** Nothing if it is gone: records go while they are looked at. */
function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
