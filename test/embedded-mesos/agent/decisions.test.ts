import fc from 'fast-check';
import { type RunAsRules, refusalOf, userFor } from '../../../src/embedded-mesos/agent/decide/admit-task.js';
import {
  namesBelow,
  placeOf,
  wholeCharacterBytes,
} from '../../../src/embedded-mesos/agent/decide/file-request.js';
import { allowedHosts } from '../../../src/embedded-mesos/agent/decide/host-names.js';
import {
  agentResources,
  constrained,
  detectedResources,
} from '../../../src/embedded-mesos/agent/decide/machine-resources.js';
import {
  KEEP_COUNT,
  KEEP_MS,
  sandboxesToRemove,
} from '../../../src/embedded-mesos/agent/decide/old-sandboxes.js';
import { retryAfterMs } from '../../../src/embedded-mesos/agent/decide/retry.js';
import { outcomeOfEnd, uuidBase64 } from '../../../src/embedded-mesos/agent/decide/status.js';
import {
  stepTask,
  type TaskEffect,
  type TaskEvent,
} from '../../../src/embedded-mesos/agent/decide/task-step.js';
import type { TaskRecord } from '../../../src/embedded-mesos/agent/task-record.js';
import type { ContainerEnd } from '../../../src/embedded-mesos/containers/containerizer.js';
import { isTerminalState, type TaskInfo } from '../../../src/embedded-mesos/protocol/v1.js';
import { SeededDice } from '../../../src/util/ids.js';

const task: TaskInfo = {
  name: 'web',
  task_id: { value: 'web.1' },
  agent_id: { value: 'a' },
  resources: [],
  command: { value: 'true' },
};
const launching: TaskRecord = {
  format: 1,
  frameworkId: 'f',
  task,
  containerId: 'c',
  phase: 'launching',
  updates: [],
  latest: { task_id: task.task_id, state: 'TASK_STAGING' },
};

describe('a task, step by step', () => {
  const dice = new SeededDice(7);
  const facts = (): Parameters<typeof stepTask>[2] => ({
    agentId: 'a',
    ip: '127.0.0.1',
    wallMs: 0,
    uuid: dice.uuid(),
  });
  const end: fc.Arbitrary<ContainerEnd> = fc.constantFrom<ContainerEnd>(
    { exit: { code: 0 } },
    { exit: { signal: 9 } },
    { failure: 'lost' },
    { cancelled: true },
  );
  const event: fc.Arbitrary<TaskEvent | 'acknowledge the first'> = fc.oneof(
    fc.constant<TaskEvent>({ type: 'started', pid: 5 }),
    end.map<TaskEvent>((how) => ({ type: 'ended', end: how })),
    fc.nat(5_000).map<TaskEvent>((graceMs) => ({ type: 'kill', graceMs })),
    fc.constant<TaskEvent>({ type: 'acknowledged', uuid: 'of somebody else' }),
    fc.constant('acknowledge the first' as const),
  );

  it('says at most one terminal status, nothing after it, and is forgotten only when that was acknowledged', () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 25 }), (events) => {
        let record = launching;
        const said: string[] = [];
        let forgotten = false;
        for (const next of events) {
          if (forgotten) break;
          const first = record.updates[0]?.uuid;
          const before = record;
          const step = stepTask(
            record,
            next === 'acknowledge the first' ? { type: 'acknowledged', uuid: first ?? '' } : next,
            facts(),
          );
          record = step.record;
          for (const update of record.updates) if (!before.updates.includes(update)) said.push(update.state);
          forgotten = step.effects.some(({ type }) => type === 'forget-task');
          if (forgotten) expect(record).toMatchObject({ phase: 'ended', updates: [] });
          // Whatever is first in the queue has been asked to be sent exactly when it became first.
          const newFirst = record.updates[0]?.uuid !== before.updates[0]?.uuid;
          expect(step.effects.some(({ type }: TaskEffect) => type === 'send-update') || forgotten).toBe(
            newFirst,
          );
        }
        const terminal = said.filter((state) => isTerminalState(state as 'TASK_LOST'));
        expect(terminal.length).toBeLessThanOrEqual(1);
        if (terminal.length === 1) expect(said.at(-1)).toBe(terminal[0]);
        expect(said.filter((state) => state === 'TASK_RUNNING').length).toBeLessThanOrEqual(1);
      }),
    );
  });

  it('ends as killed when that was asked for, whatever the exit', () => {
    const killing = stepTask(launching, { type: 'kill', graceMs: 7 }, facts());
    expect(killing.effects).toEqual([{ type: 'kill-container', graceMs: 7 }]);
    const ended = stepTask(killing.record, { type: 'ended', end: { exit: { code: 0 } } }, facts());
    expect(ended.record.latest).toMatchObject({
      state: 'TASK_KILLED',
      message: 'Command exited with status 0',
    });
  });
});

describe('what an end means', () => {
  it('memory explains more than the exit that followed from it', () => {
    const limitation = { limitMiB: 32, maxUsedMiB: 32, message: 'Memory limit exceeded: ...' };
    expect(outcomeOfEnd({ exit: { code: 0 }, limitation }, false)).toMatchObject({
      state: 'TASK_FAILED',
      reason: 'REASON_CONTAINER_LIMITATION_MEMORY',
    });
    expect(outcomeOfEnd({ exit: { code: 0 }, limitation }, true).state).toBe('TASK_KILLED');
  });

  it('names processes that the kernel would not let go of', () => {
    expect(outcomeOfEnd({ exit: { signal: 9 }, stuckPids: [7, 8] }, true).message).toBe(
      'Command terminated with signal Killed (the kernel does not let go of processes 7, 8)',
    );
  });
});

describe('who a task runs as', () => {
  const root: RunAsRules = { agentUid: 0, agentUser: 'root', defaultUser: 'nobody', allowRootTasks: false };
  const alice: RunAsRules = {
    agentUid: 1000,
    agentUser: 'alice',
    defaultUser: 'nobody',
    allowRootTasks: false,
  };
  const as = (user?: string): TaskInfo => ({
    ...task,
    command: { value: 'true', ...(user !== undefined && { user }) },
  });
  const account = (uid: number): { name: string; uid: number; gid: number; groups: number[] } => ({
    name: 'x',
    uid,
    gid: uid,
    groups: [uid],
  });

  it('under root: the default user, or the one named unless that is root', () => {
    expect([userFor(as(), root), userFor(as('web'), root)]).toEqual(['nobody', 'web']);
    expect(refusalOf(as('web'), account(5), root)).toBeUndefined();
    expect(refusalOf(as('toor'), account(0), root)).toMatchObject({
      state: 'TASK_ERROR',
      reason: 'REASON_TASK_UNAUTHORIZED',
    });
    expect(refusalOf(as('toor'), account(0), { ...root, allowRootTasks: true })).toBeUndefined();
    expect(refusalOf(as('none'), undefined, root)?.state).toBe('TASK_FAILED');
  });

  it('without root: only as the agent itself', () => {
    expect([userFor(as(), alice), userFor(as('alice'), alice), userFor(as('web'), alice)]).toEqual([
      undefined,
      undefined,
      'web',
    ]);
    expect(refusalOf(as('alice'), undefined, alice)).toBeUndefined();
    expect(refusalOf(as('web'), account(5), alice)?.message).toContain('does not run as root');
  });

  it('what this agent cannot do is an error of the task', () => {
    expect(refusalOf({ ...task, container: { type: 'DOCKER' } }, account(5), root)?.state).toBe('TASK_ERROR');
    const { command: _command, ...bare } = task;
    expect(refusalOf(bare, account(5), root)?.message).toContain('no command');
  });
});

describe('resources', () => {
  it('leave some to the host, as Mesos does', () => {
    const GIB = 1024 ** 3;
    const amounts = (memBytes: number, diskBytes: number): (number | undefined)[] =>
      detectedResources({ cpus: 2, memBytes, diskBytes })
        .slice(0, 3)
        .map(({ scalar }) => scalar?.value);
    expect(amounts(4 * GIB, 100 * GIB)).toEqual([2, 3072, 95 * 1024]);
    expect(amounts(GIB, 8 * GIB)).toEqual([2, 512, 4096]);
  });

  it('that are declared replace the detected ones of their name', () => {
    const declared = [{ name: 'cpus', type: 'SCALAR' as const, scalar: { value: 64 } }];
    const all = agentResources(declared, detectedResources({ cpus: 2, memBytes: 0, diskBytes: 0 }));
    expect(all.filter(({ name }) => name === 'cpus')).toEqual(declared);
    expect(all.map(({ name }) => name)).toEqual(['cpus', 'mem', 'disk', 'ports']);
  });

  it('are the lowest of host and limits that make sense', () => {
    expect(constrained(8, [undefined, 2, 0, 2 ** 63])).toBe(2);
    expect(constrained(8, [undefined])).toBe(8);
  });
});

describe('old sandboxes', () => {
  const DAY = 24 * 3_600_000;
  const aged = [1, 3, 8].map((days) => ({ containerId: `${days}d`, endedAtMs: -days * DAY }));

  it('go by age, the sooner the fuller the disk', () => {
    expect(sandboxesToRemove(aged, 0, 0)).toEqual(['8d']);
    expect(sandboxesToRemove(aged, 0.6, 0)).toEqual(['3d', '8d']);
    expect(sandboxesToRemove(aged, 0.95, 0)).toEqual(['1d', '3d', '8d']);
    expect(KEEP_MS).toBe(7 * DAY);
  });

  it('go by number', () => {
    const many = Array.from({ length: KEEP_COUNT + 2 }, (_, n) => ({
      containerId: String(n),
      endedAtMs: -n,
    }));
    expect(sandboxesToRemove(many, 0, 0)).toEqual([String(KEEP_COUNT), String(KEEP_COUNT + 1)]);
  });
});

describe('paths of sandboxes', () => {
  const lookup = {
    containerOfTask: (id: string) => (id === 't' ? 'c' : undefined),
    hasSandbox: (id: string) => id === 'c',
  };
  const names = (path: string): readonly string[] | undefined => placeOf(path, '/w/sandboxes', lookup)?.names;

  it('are found by task, by executor and by their real place', () => {
    expect(names('/tasks/t')).toEqual([]);
    expect(names('/tasks/t/a/./b/../c')).toEqual(['a', 'c']);
    expect(names('/frameworks/f/executors/t/runs/latest/stdout')).toEqual(['stdout']);
    expect(names('/w/sandboxes/c/x')).toEqual(['x']);
  });

  it('never lead out', () => {
    for (const path of [
      '/tasks/t/../x',
      '/tasks/t/a/../../x',
      '/w/sandboxes/c/..',
      '/w/sandboxes/../c',
      '/w/sandboxes',
      '/etc/passwd',
      '/tasks/u/x',
    ]) {
      expect(names(path)).toBeUndefined();
    }
    fc.assert(
      fc.property(fc.array(fc.constantFrom('..', '.', '', 'a', 'b')), (parts) => {
        const below = namesBelow(parts.join('/'));
        expect(below === undefined || below.every((name) => name === 'a' || name === 'b')).toBe(true);
      }),
    );
  });

  it('are read in whole characters', () => {
    const text = 'aé€😀z';
    const bytes = Buffer.from(text);
    for (let cut = 1; cut <= bytes.length; cut++) {
      const whole = wholeCharacterBytes(bytes.subarray(0, cut));
      expect(text.startsWith(bytes.toString('utf8', 0, whole))).toBe(true);
      expect(cut - whole).toBeLessThan(4);
    }
  });
});

describe('small rules', () => {
  it('updates are repeated after 10 seconds, doubled up to 10 minutes', () => {
    expect([1, 2, 3, 7, 50].map(retryAfterMs)).toEqual([10_000, 20_000, 40_000, 600_000, 600_000]);
  });

  it('an agent answers to its own names only', () => {
    const local = allowedHosts({ address: '127.0.0.1', hostname: 'box', addresses: undefined, port: 5051 });
    expect([...local].sort()).toEqual(['127.0.0.1:5051', '[::1]:5051', 'box:5051', 'localhost:5051']);
    const far = allowedHosts({ address: '10.0.0.5', hostname: 'Box', addresses: undefined, port: 80 });
    expect([...far].sort()).toEqual(['10.0.0.5', '10.0.0.5:80', 'box', 'box:80']);
  });

  it('a uuid travels as base64 of its 16 bytes', () => {
    expect(uuidBase64('00000000-0000-4000-8000-0000000000ff')).toBe('AAAAAAAAQACAAAAAAAAA/w==');
  });
});
