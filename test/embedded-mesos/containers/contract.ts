import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type {
  ContainerEnd,
  ContainerEvent,
  Containerizer,
  ContainerLimits,
  ContainerSpec,
} from '../../../src/embedded-mesos/containers/containerizer.js';
import { waitFor } from '../support/patient-wait.js';

const MIB = 1024 * 1024;
const LIMIT_MS = 60_000;

/** One containerizer of a kind on this host, with a work dir and an instance id of its own. */
export interface ContractWorld {
  /** The newest one: `restart` makes another. */
  readonly containerizer: Containerizer;
  readonly events: ContainerEvent[];
  /** The work dir's folder of outputs and sandboxes. */
  readonly root: string;
  /** Everything that a container needs besides what the contract says: a user, an image. */
  complete(spec: ContainerSpec): ContainerSpec;
  /** As after a kill -9 of the agent: the former one does nothing more, a new one is told of these containers. */
  restart(known: readonly ContainerSpec[]): Promise<void>;
  /** How many copies of a container run. */
  copies(id: string): Promise<number>;
  /** What the kernel, or an engine, holds of containers of this work dir. */
  leftovers(): Promise<readonly string[]>;
  /** Ends what is left and removes the work dir. */
  close(): Promise<void>;
}

/** What a test has to say, over any world. */
class Story {
  constructor(readonly world: ContractWorld) {}

  spec(value: string, limits: Partial<ContainerLimits> = {}): ContainerSpec {
    const id = this.world.containerizer.nextId();
    return this.world.complete({
      id,
      command: { shell: true, value, arguments: [] },
      environment: [{ name: 'GREETING', value: `it's "so"` }],
      limits: { cpus: 0.1, memMiB: 48, ...limits },
    });
  }

  launch(value: string, limits: Partial<ContainerLimits> = {}): ContainerSpec {
    const spec = this.spec(value, limits);
    this.world.containerizer.launch(spec);
    return spec;
  }

  of<T extends ContainerEvent['type']>(type: T, id: string): readonly Extract<ContainerEvent, { type: T }>[] {
    return this.world.events.filter(
      (event): event is Extract<ContainerEvent, { type: T }> => event.type === type && event.id === id,
    );
  }

  async started({ id }: ContainerSpec): Promise<void> {
    await waitFor(() => this.of('started', id).length > 0, {
      timeoutMs: LIMIT_MS,
      what: `the start of ${id}`,
    });
  }

  async end({ id }: ContainerSpec): Promise<Omit<ContainerEnd, 'use'>> {
    const [event] = await waitFor(() => this.of('ended', id).length > 0 && this.of('ended', id), {
      timeoutMs: LIMIT_MS,
      what: `the end of ${id}`,
    });
    const { use: _use, ...end } = event?.end ?? {};
    return end;
  }

  output({ id }: ContainerSpec): string {
    const path = join(this.world.root, 'outputs', id, 'stdout');
    return existsSync(path) ? readFileSync(path, 'utf8') : '';
  }

  async says(spec: ContainerSpec, text: string): Promise<void> {
    await waitFor(() => this.output(spec).includes(text), {
      timeoutMs: LIMIT_MS,
      what: () => `"${text}"; so far ${this.output(spec)}`,
    });
  }

  async none({ id }: ContainerSpec): Promise<void> {
    await waitFor(async () => (await this.world.copies(id)) === 0, {
      timeoutMs: LIMIT_MS,
      what: `the end of all of ${id}`,
    });
  }
}

/** What holds of every containerizer, whatever it runs containers with. `make` gives one that was started. */
export function itKeepsTheContract(make: () => Promise<ContractWorld>): void {
  let story: Story;
  let world: ContractWorld;

  beforeEach(async () => {
    world = await make();
    story = new Story(world);
  });

  afterEach(async () => world.close(), 30_000);

  it('prepares and runs a command with its environment in its sandbox, and tells its start, output and exit once', async () => {
    const spec = story.launch('cd "$MESOS_SANDBOX"; echo "$GREETING"; echo kept >file; exit 3');
    expect(await story.end(spec)).toEqual({ exit: { code: 3 } });
    expect(story.output(spec)).toBe(`it's "so"\n`);
    expect(readFileSync(join(world.root, 'sandboxes', spec.id, 'file'), 'utf8')).toBe('kept\n');
    expect(story.of('ended', spec.id)).toHaveLength(1);
    expect(story.of('started', spec.id).length).toBeLessThanOrEqual(1);
  });

  it('runs one copy, however often it is asked', async () => {
    const spec = story.launch('echo run; exec sleep 1000');
    world.containerizer.launch(spec);
    await story.started(spec);
    world.containerizer.launch(spec);
    await story.says(spec, 'run\n');
    expect(await world.copies(spec.id)).toBe(1);
    expect(story.output(spec)).toBe('run\n');
  });

  it('says in a sentence why a container could not be launched', async () => {
    const spec = story.spec('');
    world.containerizer.launch({
      ...spec,
      command: { shell: false, value: '/no/such/program', arguments: ['/no/such/program'] },
    });
    const { exit, failure } = await story.end(spec);
    expect(failure ?? exit).toEqual(failure === undefined ? { code: 127 } : expect.stringMatching(/^Failed/));
  });

  it('asks to end first, and ends it after the grace; a second kill shortens that', async () => {
    const gentle = story.launch('trap "exit 5" TERM; echo up; while :; do sleep 0.05; done');
    const deaf = story.launch('trap "" TERM; echo up; while :; do sleep 0.05; done');
    await Promise.all([story.says(gentle, 'up'), story.says(deaf, 'up')]);
    world.containerizer.kill(gentle.id, 60_000);
    world.containerizer.kill(deaf.id, 60_000);
    expect(await story.end(gentle)).toEqual({ exit: { code: 5 } });
    expect(await world.copies(deaf.id)).toBe(1);
    world.containerizer.kill(deaf.id, 100);
    expect(await story.end(deaf)).toEqual({ exit: { signal: 9 } });
    await story.none(deaf);
  });

  it('ends what is killed at its launch, and says whether anything of it ran', async () => {
    const spec = story.launch('touch "$MESOS_SANDBOX/ran"; exec sleep 1000');
    world.containerizer.kill(spec.id, 0);
    const end = await story.end(spec);
    if (end.cancelled) expect(existsSync(join(world.root, 'sandboxes', spec.id, 'ran'))).toBe(false);
    else expect([{ signal: 9 }, { signal: 15 }]).toContainEqual(end.exit);
    await story.none(spec);
  });

  it('counts what it uses while it runs, and holds it to its limits, which can be raised', async () => {
    // A ceiling that it meets on a machine whose processors others want as well: a tenth of one, with the share of a whole.
    const spec = story.launch('while :; do :; done', { cpus: 1, cpusLimit: 0.1 });
    await story.started(spec);
    const used = await waitFor(
      () => {
        const now = world.containerizer.statistics(spec.id);
        return now && (now.cpus_user_time_secs ?? 0) > 0.05 && (now.cpus_nr_throttled ?? 0) > 0 && now;
      },
      { timeoutMs: LIMIT_MS, what: 'processor time' },
    );
    expect(used).toMatchObject({ cpus_limit: 0.1, mem_limit_bytes: 48 * MIB });
    expect(used.mem_total_bytes).toBeGreaterThan(0);
    world.containerizer.update(spec.id, { cpus: 0.1, memMiB: 48, cpusLimit: 1, memLimitMiB: 96 });
    await waitFor(
      () => {
        const now = world.containerizer.statistics(spec.id);
        return now?.mem_limit_bytes === 96 * MIB;
      },
      { timeoutMs: LIMIT_MS, what: 'the new limit' },
    );
    world.containerizer.kill(spec.id, 0);
    await story.end(spec);
    expect(world.containerizer.statistics(spec.id)).toBeUndefined();
  });

  it('tells an end for memory from every other', async () => {
    const spec = story.launch('exec dd if=/dev/zero of=/dev/null bs=200M count=1');
    const { limitation } = await story.end(spec);
    expect(limitation).toMatchObject({ limitMiB: 48, message: expect.stringContaining('Memory limit') });
  });

  it('tells how to join it as long as it runs', async () => {
    const spec = story.launch('exec sleep 1000');
    await story.started(spec);
    const entrance = await world.containerizer.entrance?.(spec.id);
    expect(entrance?.namespaces).toEqual(expect.arrayContaining(['pid', 'ipc', 'mount']));
    expect(entrance?.environment).toContainEqual({ name: 'GREETING', value: `it's "so"` });
    world.containerizer.kill(spec.id, 0);
    await story.end(spec);
    expect(await world.containerizer.entrance?.(spec.id)).toBeUndefined();
  });

  it('finds its containers after a restart of the agent: those that run, and the ends that nobody heard of', async () => {
    const runs = story.launch('echo up; while ! [ -e "$MESOS_SANDBOX/go" ]; do sleep 0.05; done; exit 4');
    const ends = story.launch('while ! [ -e "$MESOS_SANDBOX/go" ]; do sleep 0.05; done; exit 9');
    const said = story.launch('exit 5');
    await Promise.all([story.says(runs, 'up'), story.started(ends), story.end(said)]);
    const { writeFileSync } = await import('node:fs');
    const go = ({ id }: ContainerSpec): void =>
      writeFileSync(join(world.root, 'sandboxes', id, 'go'), '', { mode: 0o644 });
    await world.containerizer.stop();
    go(ends);
    await waitFor(async () => (await world.copies(ends.id)) === 0, {
      timeoutMs: LIMIT_MS,
      what: 'the end of one of them',
    });
    await world.restart([runs, ends, said]);
    expect(await story.end(ends)).toEqual({ exit: { code: 9 } });
    expect(await story.end(said)).toEqual({ exit: { code: 5 } });
    await story.started(runs);
    expect(await world.copies(runs.id)).toBe(1);
    go(runs);
    expect(await story.end(runs)).toEqual({ exit: { code: 4 } });
    expect(story.output(runs)).toBe('up\n');
  });

  it('removes what no task is known of after a restart, and nothing of another work dir', async () => {
    const mine = story.launch('echo up; exec sleep 1000');
    await story.says(mine, 'up');
    const other = await make();
    try {
      expect(await world.copies(mine.id)).toBe(1);
      const theirs = new Story(other).launch('echo up; exec sleep 1000');
      await new Story(other).says(theirs, 'up');
      await world.restart([]);
      await story.none(mine);
      expect(await other.copies(theirs.id)).toBe(1);
      expect(story.of('ended', mine.id)).toEqual([]);
    } finally {
      await other.close();
    }
  });

  it('leaves nothing of a container that is forgotten but its sandbox and output, until those are removed too', async () => {
    const spec = story.launch('echo done; touch "$MESOS_SANDBOX/left"');
    await story.end(spec);
    world.containerizer.forget(spec.id);
    await waitFor(async () => !(await world.leftovers()).some((each) => each.includes(spec.id)), {
      timeoutMs: LIMIT_MS,
      what: 'nothing to be left',
    });
    expect(story.output(spec)).toBe('done\n');
    expect(existsSync(join(world.root, 'sandboxes', spec.id, 'left'))).toBe(true);
    await world.containerizer.removeSandbox(spec.id);
    for (const folder of ['sandboxes', 'outputs'])
      expect(existsSync(join(world.root, folder, spec.id))).toBe(false);
  });

  it('gives out no id twice', () => {
    const ids = Array.from({ length: 20 }, () => world.containerizer.nextId());
    expect(new Set([...ids, randomUUID()]).size).toBe(21);
    for (const id of ids) world.containerizer.forget(id);
  });
}
