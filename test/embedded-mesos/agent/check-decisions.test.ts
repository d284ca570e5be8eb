import fc from 'fast-check';
import { checkPlans, emptyCheckStatus } from '../../../src/embedded-mesos/agent/decide/check-plan.js';
import { checkNews } from '../../../src/embedded-mesos/agent/decide/check-step.js';
import {
  checkStatusOf,
  failureOf,
  type HealthTrack,
  judgeHealth,
} from '../../../src/embedded-mesos/agent/decide/check-verdict.js';
import { decodeControl, readExecQuery } from '../../../src/embedded-mesos/agent/decide/exec-protocol.js';
import type { TaskRecord } from '../../../src/embedded-mesos/agent/task-record.js';
import type { Entrance } from '../../../src/embedded-mesos/containers/containerizer.js';
import { enteringWords, privilegesOf } from '../../../src/embedded-mesos/containers/decide/enter-words.js';

describe('what is checked of a task', () => {
  it('has Mesos’s times where nothing is said', () => {
    const { plans } = checkPlans({ health_check: { type: 'TCP', tcp: { port: 80 } } });
    expect(plans).toEqual([
      {
        kind: 'health',
        probe: { type: 'TCP', host: '127.0.0.1', port: 80 },
        delayMs: 15_000,
        intervalMs: 10_000,
        timeoutMs: 20_000,
        maxFailures: 3,
        graceMs: 10_000,
      },
    ]);
  });

  it('has no time limit with a timeout of 0, and asks IPv6 where that is wanted', () => {
    const { plans } = checkPlans({
      health_check: {
        type: 'HTTP',
        http: { port: 1, protocol: 'IPv6', scheme: 'HTTPS' },
        timeout_seconds: 0,
      },
    });
    expect(plans[0]).toMatchObject({
      timeoutMs: Number.POSITIVE_INFINITY,
      probe: { scheme: 'https', host: '::1', path: '/' },
    });
  });

  it('is refused when it cannot be asked', () => {
    for (const health_check of [
      {},
      { type: 'HTTP' as const },
      { type: 'COMMAND' as const, command: { value: '' } },
      { type: 'COMMAND' as const, command: { value: 'a\0b' } },
      { type: 'HTTP' as const, http: { port: 1, scheme: 'ftp' } },
    ])
      expect(checkPlans({ health_check }).fault).toMatch(/^The health check is not valid: /);
  });

  it('is shown as an empty result of its kind before the first one', () => {
    expect(emptyCheckStatus({ tcp: { port: 1 } })).toEqual({ type: 'TCP', tcp: {} });
  });
});

describe('the verdict on a health check', () => {
  const fresh: HealthTrack = { failures: 0, healthy: undefined };
  const plan = { maxFailures: 3, graceMs: 10_000 };

  it('ignores failures within the grace period until one attempt has counted', () => {
    expect(judgeHealth(plan, fresh, false, 10_000)).toEqual({ track: fresh, tell: false, kill: false });
    expect(judgeHealth(plan, fresh, false, 10_001).track).toEqual({ failures: 1, healthy: false });
    expect(judgeHealth(plan, { failures: 0, healthy: true }, false, 1).tell).toBe(true);
  });

  it('kills at the first failure that counts when 0 or 1 are allowed', () => {
    for (const maxFailures of [0, 1])
      expect(judgeHealth({ maxFailures, graceMs: 0 }, fresh, false, 1).kill).toBe(true);
  });

  it('tells every failure that counts and a success only after none; kills exactly at the limit of failures in a row', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean()), fc.integer({ min: 1, max: 5 }), (results, maxFailures) => {
        let track: HealthTrack = { failures: 0, healthy: true };
        let inRow = 0;
        for (const success of results) {
          const verdict = judgeHealth({ maxFailures, graceMs: 0 }, track, success, 1);
          expect(verdict.tell).toBe(!success || inRow > 0);
          inRow = success ? 0 : inRow + 1;
          expect(verdict.kill).toBe(inRow >= maxFailures);
          track = verdict.track;
        }
      }),
    );
  });

  it('takes 200 to 399, status 0 and a connection for success, and says of the rest what it was', () => {
    expect(failureOf({ type: 'answered', statusCode: 399 })).toBeUndefined();
    expect(failureOf({ type: 'answered', statusCode: 400 })).toBe('the answer had the status 400');
    expect(failureOf({ type: 'exited', code: 0 })).toBeUndefined();
    expect(failureOf({ type: 'killed', signal: 'SIGSEGV' })).toBe('the command was terminated by SIGSEGV');
  });

  it('gives a check’s raw value, and an empty one when there was none', () => {
    const tcp = { type: 'TCP' as const, host: '127.0.0.1', port: 1 };
    expect(checkStatusOf(tcp, { type: 'refused', why: 'nobody' })).toEqual({
      type: 'TCP',
      tcp: { succeeded: false },
    });
    expect(checkStatusOf(tcp, { type: 'failed', why: 'late' })).toEqual({ type: 'TCP', tcp: {} });
  });
});

describe('news of a check', () => {
  const facts = {
    agentId: 'agent',
    ip: '127.0.0.1',
    wallMs: 1_000,
    uuid: '00000000-0000-4000-8000-000000000000',
  };
  const record: TaskRecord = {
    format: 1,
    frameworkId: 'f',
    task: { name: 't', task_id: { value: 't' }, agent_id: { value: 'agent' }, resources: [] },
    containerId: 'c',
    phase: 'running',
    updates: [],
    latest: { task_id: { value: 't' }, state: 'TASK_RUNNING' },
  };
  const bad = (failures: number, kill = false) =>
    ({ type: 'health', track: { failures, healthy: false }, failure: 'x', kill }) as const;

  it('never makes more updates wait than a few, however long nobody takes them', () => {
    let now = record;
    for (let failures = 1; failures <= 100; failures++) now = checkNews(now, bad(failures), facts).record;
    expect(now.updates.length).toBe(2);
    expect(now.health).toEqual({ failures: 100 });
  });

  it('ends the task when it says so, and says nothing of one that is on its way out', () => {
    const step = checkNews(record, bad(3, true), facts);
    expect(step.record.phase).toBe('killing');
    expect(step.effects.map(({ type }) => type)).toEqual(['send-update', 'kill-container']);
    expect(checkNews(step.record, bad(4), facts)).toEqual({ record: step.record, effects: [] });
  });
});

describe('the words that lead into a container', () => {
  const entrance: Entrance = {
    pid: 42,
    namespaces: ['pid', 'mount'],
    account: { name: 'nobody', uid: 65534, gid: 65534, groups: [65534, 7] },
    cgroups: ['/sys/fs/cgroup/memory/longrun/x/c'],
    environment: [
      { name: 'LD_PRELOAD', value: '/evil.so' },
      { name: 'SECRET', value: 'hidden' },
      { name: 'odd-name', value: '1' },
    ],
    workingFolder: '/sandbox',
  };
  const free = { lost: [], noNewPrivileges: false };

  it('show nobody the task’s environment, and give it to no program that still has rights', () => {
    const { program, args, environment } = enteringWords(entrance, ['id'], free, {
      hasSetpriv: true,
      terminal: false,
    });
    expect([program, ...args].join(' ')).not.toMatch(/hidden|evil/);
    expect(
      Object.keys(environment).every((name) => name === 'PATH' || name.startsWith('LONGRUN_ENTER_')),
    ).toBe(true);
  });

  it('join the groups first, then the namespaces, and drop all rights before the task’s own words are read', () => {
    const { args } = enteringWords(
      entrance,
      ['id'],
      { lost: [21], noNewPrivileges: true },
      { hasSetpriv: true, terminal: false },
    );
    const order = [
      '/sys/fs/cgroup/memory/longrun/x/c',
      'nsenter',
      'setpriv',
      '--reuid=65534',
      '--bounding-set=-cap_21',
      '--no-new-privs',
    ];
    const places = order.map((word) => args.indexOf(word));
    expect(places).toEqual([...places].sort((a, b) => a - b));
    expect(places).not.toContain(-1);
    expect(args.lastIndexOf('/bin/sh')).toBeGreaterThan(Math.max(...places));
  });

  it('cut a large environment where no character is torn', () => {
    const large = { ...entrance, environment: [{ name: 'A', value: '🦊'.repeat(100_000) }] };
    const { environment } = enteringWords(large, ['id'], free, { hasSetpriv: true, terminal: false });
    const pieces = Object.entries(environment).filter(([name]) => name !== 'PATH');
    expect(pieces.length).toBeGreaterThan(1);
    for (const [name, piece] of pieces) {
      expect(Buffer.byteLength(`${name}=${piece}`)).toBeLessThan(128 * 1024);
      expect(Buffer.from(piece, 'utf8').toString('utf8')).toBe(piece);
    }
  });

  it('say which capabilities the task can never have', () => {
    expect(
      privilegesOf('CapBnd:\t0000000000000001\nNoNewPrivs:\t1\n', 'CapBnd:\t0000000000000007\n'),
    ).toEqual({
      lost: [1, 2],
      noNewPrivileges: true,
    });
  });
});

describe('the words of a session', () => {
  it('are read as they are meant, or refused with a sentence', () => {
    expect(readExecQuery(new URLSearchParams('command=ls&command=-l&tty=true&rows=10&columns=20'))).toEqual({
      argv: ['ls', '-l'],
      terminal: { rows: 10, columns: 20 },
      input: false,
    });
    for (const text of [
      '',
      'command=',
      'command=a&tty=yes',
      'command=a&rows=0',
      'command=a&columns=1001',
      'command=%00',
    ])
      expect(typeof readExecQuery(new URLSearchParams(text))).toBe('string');
  });

  it('know no other order than three', () => {
    expect(decodeControl('{"type":"signal","signal":"SIGHUP"}')).toEqual({
      type: 'signal',
      signal: 'SIGHUP',
    });
    for (const text of [
      'x',
      '[]',
      '{"type":"signal","signal":"toString"}',
      '{"type":"resize","rows":1.5,"columns":2}',
    ])
      expect(typeof decodeControl(text)).toBe('string');
  });
});
