import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import type { ContainerEvent } from '../../../src/embedded-mesos/containers/containerizer.js';
import type { EngineState } from '../../../src/embedded-mesos/containers/decide/docker-end.js';
import { type Suspect, tellsOfKill } from '../../../src/embedded-mesos/containers/decide/kernel-log.js';
import { DockerContainer } from '../../../src/embedded-mesos/containers/docker/docker-container.js';
import type { DockerSpec } from '../../../src/embedded-mesos/containers/docker/docker-spec.js';
import type { Engine } from '../../../src/embedded-mesos/containers/docker/engine.js';
import { wasKilledAtLimit } from '../../../src/embedded-mesos/containers/kernel-log.js';
import { silentLog } from '../../../src/logging/log.js';
import { SystemClock } from '../../../src/util/clock.js';
import { waitFor } from '../support/patient-wait.js';
import { ContainerWorld, isRoot } from './container-world.js';

const asRoot = isRoot && existsSync('/dev/kmsg') ? it : it.skip;

describe('a kill at a limit of memory', () => {
  it('is told apart in the kernel’s log from a shortage of the host', () => {
    const tells = (text: string, pid = 6530): boolean =>
      tellsOfKill(`3,88751,82950591238,-;${text}`, { pid, group: 'ca11ab1e' });
    const facts = 'total-vm:3580kB, anon-rss:1024kB, UID:65534 pgtables:40kB oom_score_adj:0';
    expect(tells(`Memory cgroup out of memory: Killed process 6530 (dd) ${facts}`)).toBe(true);
    expect(tells('Memory cgroup out of memory: Kill process 6530 (dd) score 1001 or sacrifice child')).toBe(
      true,
    );
    expect(tells(`Memory cgroup out of memory: Killed process 653 (dd) ${facts}`)).toBe(false);
    expect(tells(`Out of memory: Killed process 6530 (dd) ${facts}`)).toBe(false);
    const group = (constraint: string, name: string): string =>
      `oom-kill:constraint=${constraint},nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=${name},task_memcg=${name},task=dd,pid=7,uid=0`;
    expect(tells(group('CONSTRAINT_MEMCG', '/docker/ca11ab1e'), 0)).toBe(true);
    expect(tells(group('CONSTRAINT_MEMCG', '/system.slice/docker-ca11ab1e.scope'), 0)).toBe(true);
    expect(tells(group('CONSTRAINT_MEMCG', '/docker/0ther'), 0)).toBe(false);
    expect(tells(group('CONSTRAINT_NONE', '/docker/ca11ab1e'), 0)).toBe(false);
  });

  asRoot('is found in the log of the kernel that did it', async () => {
    const world = new ContainerWorld({ pidsMax: 64, fileBytes: 1024, files: 2, warm: 0 });
    await world.start();
    try {
      const id = world.launch('sleep 0.3; exec dd if=/dev/zero of=/dev/null bs=200M count=1', {
        limits: { cpus: 0.5, memMiB: 32 },
      });
      const pid = await world.started(id);
      expect((await world.ended(id)).limitation).toBeDefined();
      expect(wasKilledAtLimit({ pid, group: 'none' })).toBe(true);
      expect(wasKilledAtLimit({ pid: process.pid, group: 'none' })).toBe(false);
      expect(wasKilledAtLimit({ pid: 0, group: id })).toBe(true);
    } finally {
      await world.close();
    }
  });

  it('is unknown where the log cannot be read', () => {
    expect(wasKilledAtLimit({ pid: 1, group: 'x' }, '/nonexistent')).toBe(false);
    expect(wasKilledAtLimit({ pid: 1, group: 'x' }, '/dev/null')).toBe(false);
  });

  describe('of a container that the engine says nothing of', () => {
    let folder: string;
    beforeEach(() => {
      folder = mkdtempSync(join(tmpdir(), 'longrun-killed-'));
    });
    afterEach(() => rmSync(folder, { recursive: true, force: true }));

    const running: EngineState = {
      status: 'running',
      pid: 4711,
      exitCode: 0,
      oomKilled: false,
      error: '',
      everStarted: true,
    };

    /** Ends with SIGKILL while it is followed; `killed`: pids that the kernel's log names. */
    async function endOf(killed: readonly number[], kill = false): Promise<ContainerEvent | undefined> {
      let state = running;
      const engine = {
        inspect: async () => ({
          id: 'ca11ab1e',
          state,
          stopSignal: 'SIGTERM',
          environment: [],
          workingFolder: '/',
        }),
        signal: async () => undefined,
        output: async () => new PassThrough().end(),
        untilEnded: async () => {
          if (kill) container.kill(0);
          state = { ...running, status: 'exited', pid: 0, exitCode: 137 };
        },
      } as unknown as Engine;
      const events: ContainerEvent[] = [];
      const host = {
        engine,
        output: { fileBytes: 1024, files: 2 },
        outputFolder: () => join(folder, 'output'),
        record: (_id: string, kind: string) => join(folder, kind),
        clock: new SystemClock(),
        log: silentLog,
        stopped: () => false,
        refusal: () => undefined,
        wasKilledAtLimit: ({ pid, group }: Suspect) => killed.includes(pid) && group === 'ca11ab1e',
        emit: (event: ContainerEvent) => events.push(event),
        reachable: () => undefined,
      } as unknown as ConstructorParameters<typeof DockerContainer>[2];
      const spec = { id: 'c1', limits: { cpus: 1, memMiB: 32 } } as ConstructorParameters<
        typeof DockerContainer
      >[0];
      const container = new DockerContainer(spec, { taskId: 'web.1' } as DockerSpec, host);
      void container.live();
      await waitFor(() => container.ended);
      return events.at(-1);
    }

    it('is told as the limit that it met', async () => {
      expect(await endOf([4711])).toMatchObject({ end: { limitation: { limitMiB: 32 } } });
    });

    it('is none when somebody else killed it, we above all', async () => {
      expect(await endOf([])).toMatchObject({ end: { exit: { signal: 9 } } });
      const ours = await endOf([4711], true);
      expect(ours).toMatchObject({ end: { exit: { signal: 9 } } });
      expect(ours).not.toHaveProperty('end.limitation');
    });
  });
});
