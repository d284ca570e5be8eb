import fc from 'fast-check';
import { exposedMetrics, expositionLines } from '../../../src/embedded-mesos/agent/decide/task-exposition.js';
import { usageBetween } from '../../../src/embedded-mesos/agent/decide/usage-between.js';
import {
  MAX_TASKS_PER_REPORT,
  SAMPLE_EVERY_MS,
  UsageSampler,
} from '../../../src/embedded-mesos/agent/usage/usage-sampler.js';
import type { ResourceStatistics } from '../../../src/embedded-mesos/containers/containerizer.js';
import type { TaskUsage } from '../../../src/embedded-mesos/protocol/agent-line.js';
import { VirtualClock } from '../../../src/util/virtual-clock.js';
import { ContainerWorld, isRoot } from '../containers/container-world.js';
import { waitFor } from '../support/patient-wait.js';
import { AgentWorld } from './agent-world.js';

const MIB = 1024 * 1024;
const counters = (more: Partial<ResourceStatistics> = {}): ResourceStatistics => ({
  timestamp: 0,
  cpus_user_time_secs: 10,
  cpus_system_time_secs: 5,
  cpus_nr_periods: 100,
  cpus_nr_throttled: 10,
  mem_working_set_bytes: 50 * MIB,
  mem_rss_bytes: 40 * MIB,
  ...more,
});

describe('what a task used between two looks', () => {
  it('is processors, the share in which it was held back, and memory as it is', () => {
    const after = counters({
      cpus_user_time_secs: 14,
      cpus_system_time_secs: 6,
      cpus_nr_periods: 200,
      cpus_nr_throttled: 35,
      net_rx_bytes: 1_000,
      disk_used_bytes: 7,
    });
    expect(usageBetween('t', counters({ net_rx_bytes: 0 }), after, 10)).toEqual({
      taskId: 't',
      seconds: 10,
      cpus: 0.5,
      throttled: 0.25,
      memoryBytes: 50 * MIB,
      rssBytes: 40 * MIB,
      netReceiveBytesPerSecond: 100,
      diskBytes: 7,
    });
  });

  it('is never negative and never a guess: counters that began anew are nothing used, missing ones are left out', () => {
    expect(usageBetween('t', counters(), counters({ cpus_user_time_secs: 1 }), 10)?.cpus).toBe(0);
    expect(usageBetween('t', counters(), counters(), 0)).toBeUndefined();
    const { cpus_user_time_secs: _, ...uncounted } = counters();
    expect(usageBetween('t', uncounted, uncounted, 10)).toBeUndefined();
    const number = fc.double({ min: 0, max: 1e9, noNaN: true });
    fc.assert(
      fc.property(number, number, fc.nat(1e6), fc.nat(1e6), (from, until, periods, throttled) => {
        const used = usageBetween(
          't',
          counters({ cpus_user_time_secs: from }),
          counters({ cpus_user_time_secs: until, cpus_nr_periods: periods, cpus_nr_throttled: throttled }),
          10,
        );
        expect(used?.cpus).toBeGreaterThanOrEqual(0);
        expect(used?.throttled).toBeGreaterThanOrEqual(0);
        expect(used?.throttled).toBeLessThanOrEqual(1);
      }),
    );
  });
});

describe('the sampler', () => {
  const world = (count: number, lookMs = 0) => {
    const clock = new VirtualClock();
    const reports: (readonly TaskUsage[])[] = [];
    const longestTurnMs = { value: 0 };
    let looks = 0;
    const turn = (run: () => void): void => {
      const began = looks;
      run();
      longestTurnMs.value = Math.max(longestTurnMs.value, (looks - began) * lookMs);
    };
    const sampler = new UsageSampler({
      tasks: () =>
        Array.from({ length: count }, (_, index) => ({ taskId: `t${index}`, containerId: `c${index}` })),
      statistics: () => {
        looks++;
        return counters({ cpus_user_time_secs: 10 + clock.wallMs() / 1_000 });
      },
      report: (tasks) => reports.push(tasks),
      // A look takes time: a clock that goes on by itself.
      clock: {
        wallMs: () => clock.wallMs(),
        monotonicMs: () => clock.monotonicMs() + looks * lookMs,
        every: (period, run) => clock.every(period, () => turn(run)),
        after: (delay, run) => clock.after(delay, () => turn(run)),
      },
    });
    return { clock, reports, sampler, longestTurnMs, looks: () => looks };
  };

  it('tells of every task once per round, from its second look on, and of nothing after a stop', () => {
    const { clock, reports, sampler } = world(3);
    sampler.start();
    clock.advance(SAMPLE_EVERY_MS);
    expect(reports).toEqual([]);
    clock.advance(SAMPLE_EVERY_MS);
    expect(reports.map((tasks) => tasks.map(({ taskId, cpus }) => [taskId, cpus]))).toEqual([
      [
        ['t0', 1],
        ['t1', 1],
        ['t2', 1],
      ],
    ]);
    sampler.stop();
    clock.advance(5 * SAMPLE_EVERY_MS);
    expect(reports).toHaveLength(1);
  });

  it('looks a few milliseconds at a time, so that nothing waits for it', () => {
    const { clock, reports, sampler, longestTurnMs } = world(500, 0.3);
    sampler.start();
    clock.advance(2 * SAMPLE_EVERY_MS);
    clock.advance(2_000);
    expect(reports[0]).toHaveLength(500);
    expect(longestTurnMs.value).toBeLessThan(6);
  });

  it('keeps a report within its bound: of more tasks some take turns', () => {
    const { clock, reports, sampler } = world(MAX_TASKS_PER_REPORT + 500);
    sampler.start();
    for (let rounds = 0; rounds < 8; rounds++) clock.advance(SAMPLE_EVERY_MS);
    expect(Math.max(...reports.map((tasks) => tasks.length))).toBeLessThanOrEqual(MAX_TASKS_PER_REPORT);
    expect(new Set(reports.flat().map(({ taskId }) => taskId)).size).toBe(MAX_TASKS_PER_REPORT + 500);
    sampler.stop();
  });

  it('says what a container used where nobody else knows, and forgets it with its end', () => {
    const { clock, sampler } = world(1);
    sampler.start();
    clock.advance(SAMPLE_EVERY_MS);
    const end = { type: 'ended', id: 'c0', end: { exit: { code: 0 } } } as const;
    expect(sampler.completed(end)).toMatchObject({ end: { use: { cpuSeconds: expect.any(Number) } } });
    expect(sampler.samples().size).toBe(0);
    expect(sampler.completed(end)).toBe(end);
    const known = { ...end, end: { use: { cpuSeconds: 3 } } };
    expect(sampler.completed(known)).toBe(known);
    sampler.stop();
  });
});

describe('what an agent tells Prometheus', () => {
  it('are series that only say what was counted, with names that cannot break out', () => {
    const tasks = [{ taskId: 'a"b\\', name: 'web\n', statistics: counters({ pressure_io_full_secs: 2.5 }) }];
    const text = exposedMetrics.map((metric) => expositionLines(metric, tasks)).join('');
    expect(text).toContain('longrun_task_cpu_seconds_total{task="a\\"b\\\\",name="web\\n",mode="user"} 10\n');
    expect(text).toContain(
      'longrun_task_pressure_seconds_total{task="a\\"b\\\\",name="web\\n",resource="io",stalled="full"} 2.5\n',
    );
    expect(text).not.toContain('network');
    expect(text).not.toContain('resource="cpu"');
    expect(
      text
        .trim()
        .split('\n')
        .every((line) => /^longrun_task_\w+\{.*\} \S+$/.test(line)),
    ).toBe(true);
  });
});

(isRoot ? describe : describe.skip)('with real cgroups', () => {
  it('a busy container is seen busy and an idle one idle', async () => {
    const containers = new ContainerWorld();
    await containers.start();
    const [busy, idle] = [containers.launch('while :; do :; done'), containers.launch('sleep 60')];
    await Promise.all([containers.started(busy), containers.started(idle)]);
    const clock = new VirtualClock();
    const reports: (readonly TaskUsage[])[] = [];
    const sampler = new UsageSampler({
      tasks: () => [busy, idle].map((id) => ({ taskId: id, containerId: id })),
      statistics: (id) => containers.containerizer.statistics(id),
      report: (tasks) => reports.push(tasks),
      clock,
    });
    sampler.start();
    clock.advance(SAMPLE_EVERY_MS);
    const before = containers.containerizer.statistics(busy)?.cpus_user_time_secs ?? 0;
    await waitFor(
      () => (containers.containerizer.statistics(busy)?.cpus_user_time_secs ?? 0) > before + 0.3,
      {
        what: 'work',
      },
    );
    clock.advance(SAMPLE_EVERY_MS);
    const [first, second] = reports[0] ?? [];
    // Against the ten seconds of the virtual clock: 0.3 s of work are 0.03 processors.
    expect(first?.cpus).toBeGreaterThanOrEqual(0.03);
    expect(second?.cpus).toBeLessThan(0.01);
    expect(first?.memoryBytes).toBeGreaterThan(0);
    sampler.stop();
    expect(await containers.close()).toEqual({ processes: [], groups: [] });
  });

  it('an agent shows the counters of its tasks as Mesos does, and tells its master of their use', async () => {
    const world = await new AgentWorld().start();
    const task = world.launch('while :; do :; done');
    await world.status(task, 'TASK_RUNNING');
    const answer = await waitFor(
      async () => {
        const { json } = await world.get('/monitor/statistics.json');
        const [first] = json as { executor_id: string; statistics: ResourceStatistics }[];
        return (first?.statistics.cpus_user_time_secs ?? 0) > 0.05 ? first : undefined;
      },
      { what: 'statistics' },
    );
    expect(answer.executor_id).toBe(task);
    expect(answer.statistics).toMatchObject({ cpus_soft_limit: 0.1, mem_limit_bytes: 64 * MIB });
    const containers = (await world.get('/containers')).json as { container_id: string }[];
    expect(containers).toHaveLength(1);
    const report = await waitFor(
      () =>
        (world.messages as readonly { type: string; tasks?: readonly TaskUsage[] }[]).find(
          ({ type }) => type === 'USAGE',
        ),
      { what: 'a report' },
    );
    expect(report.tasks).toEqual([expect.objectContaining({ taskId: task, cpus: expect.any(Number) })]);
    const text = await (await fetch(`${world.url}/metrics/prometheus`)).text();
    expect(text).toContain(`longrun_task_cpu_seconds_total{task="${task}",name="web",mode="user"}`);
    expect(text).toMatch(/^mesos_slave_tasks_running 1$/m);
    expect(await world.close()).toEqual({ processes: 0, groups: [] });
  });
});
