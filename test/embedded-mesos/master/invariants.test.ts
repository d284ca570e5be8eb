import fc from 'fast-check';
import type { AgentRecord } from '../../../src/embedded-mesos/master/cluster.js';
import { Resources } from '../../../src/embedded-mesos/protocol/resources.js';
import { isTerminalState, type Offer, type TaskInfo } from '../../../src/embedded-mesos/protocol/v1.js';
import { PING_TIMEOUT_MS, type TestFramework, task, World } from './world.js';

/** One step of a random history. `n` picks whom it happens to. */
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('launch' as const),
      n: fc.nat(),
      tasks: fc.array(fc.nat(5), { minLength: 1, maxLength: 4 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('decline' as const),
      n: fc.nat(),
      seconds: fc.constantFrom(0, 1, 5, 60),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constantFrom('end' as const, 'kill' as const), n: fc.nat() }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constantFrom('crash' as const, 'start' as const, 'cut' as const, 'heal' as const),
      n: fc.nat(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constantFrom('reboot' as const, 'suppress' as const, 'revive' as const),
      n: fc.nat(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constantFrom('unsubscribe' as const, 'subscribe' as const, 'restart' as const),
      n: fc.nat(),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('pass' as const),
      n: fc.nat(),
      ms: fc.constantFrom(0, 5, 1_000, 12_000, 40_000, 80_000),
    }),
  },
);
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

class History {
  readonly frameworks: TestFramework[] = [];
  /** Task id to the agent it was launched on. */
  readonly launched = new Map<string, { readonly framework: TestFramework; readonly agentId: string }>();

  private constructor(readonly world: World) {}

  static async begin(): Promise<History> {
    const history = new History(await new World().start());
    for (const name of ['a1', 'a2', 'a3']) history.world.agent(name, 'cpus:2;mem:256;ports:[31000-31005]');
    for (const name of ['f1', 'f2']) history.frameworks.push(await history.world.framework({ name }));
    return history;
  }

  async take(taken: Step): Promise<void> {
    const { world } = this;
    const member = world.agents[taken.n % world.agents.length];
    const framework = this.frameworks[taken.n % this.frameworks.length];
    if (!member || !framework) throw new Error('nobody there');
    switch (taken.kind) {
      case 'launch':
        this.#launch(framework, taken.n, taken.tasks);
        break;
      case 'decline': {
        const offer = pick(framework.offers, taken.n);
        if (offer) framework.decline(offer, taken.seconds);
        break;
      }
      case 'kill': {
        const [id, { agentId }] = pick([...this.launched], taken.n) ?? ['never', { agentId: 'nowhere' }];
        framework.kill(id, agentId);
        break;
      }
      case 'end': {
        const id = pick(member.agent.liveTaskIds(), taken.n);
        if (id !== undefined) member.agent.endTask(id);
        break;
      }
      case 'unsubscribe':
        framework.driver.stop();
        break;
      case 'subscribe':
        framework.subscribe();
        break;
      case 'suppress':
      case 'revive':
        framework[taken.kind]();
        break;
      case 'restart':
        await world.restartMaster();
        await this.#subscribeAnew();
        break;
      case 'crash':
      case 'start':
      case 'reboot':
        member.agent[taken.kind]();
        break;
      case 'cut':
      case 'heal':
        member.line[taken.kind]();
        break;
      case 'pass':
        await world.pass(taken.ms);
        break;
    }
  }

  /** Any offer ever seen, also one long answered: the master must sort that out. */
  #launch(framework: TestFramework, n: number, sizes: readonly number[]): void {
    const offer: Offer | undefined = n % 3 === 0 ? pick(framework.offers, n) : framework.offers.at(-1);
    if (!offer) return;
    const tasks = sizes.map((size): TaskInfo => {
      const id = `t${this.launched.size}`;
      this.launched.set(id, { framework, agentId: offer.agent_id.value });
      return task(
        id,
        offer.agent_id.value,
        `cpus:${size / 4};mem:${size * 8 + 8};ports:[${31000 + size}-${31000 + size}]`,
      );
    });
    framework.launch(offer, tasks, n % 2);
  }

  async #subscribeAnew(): Promise<void> {
    for (const [index, old] of this.frameworks.entries()) {
      const id = old.id === undefined ? {} : { id: { value: old.id } };
      const next = await this.world.framework({ name: `f${index}`, ...id });
      this.frameworks[index] = next;
      for (const [taskId, launch] of this.launched) {
        if (launch.framework === old) this.launched.set(taskId, { ...launch, framework: next });
      }
    }
  }

  checkBooks(): void {
    const { master, agents, errors } = this.world;
    expect(errors).toEqual([]);
    for (const record of master.cluster.agents.values()) this.#checkLedger(record);
    for (const { agent } of agents) for (const starts of agent.starts.values()) expect(starts).toBe(1);
  }

  #checkLedger(record: AgentRecord): void {
    let used = Resources.none;
    for (const known of record.tasks.values()) {
      expect(known.holdsResources).toBe(!isTerminalState(known.state));
      if (known.holdsResources) used = used.plus(known.resources);
    }
    let offered = Resources.none;
    for (const offer of this.world.master.offersOf(record)) offered = offered.plus(offer.resources);
    expect(used.equals(record.ledger.used)).toBe(true);
    expect(offered.equals(record.ledger.offered)).toBe(true);
    expect(record.ledger.total.contains(used.plus(offered))).toBe(true);
    if (record.link !== 'connected') expect(offered.isEmpty).toBe(true);
  }

  /** What really runs fits its machine, ports included (I7 in the world, not only in the books). */
  checkMachines(): void {
    for (const { agent } of this.world.agents) {
      const ports = new Set<number>();
      let cpus = 0;
      for (const record of this.world.master.cluster.agents.values()) {
        if (record.id !== agent.id) continue;
        for (const known of record.tasks.values()) {
          if (isTerminalState(agent.state(known.taskId) ?? 'TASK_GONE')) continue;
          cpus += known.resources.scalar('cpus');
          for (const { begin, end } of known.resources.ranges('ports')) {
            for (let port = begin; port <= end; port++) {
              expect(ports.has(port)).toBe(false);
              ports.add(port);
            }
          }
        }
      }
      expect(cpus).toBeLessThanOrEqual(2);
    }
  }

  /** The faults stop: everything must become known and stay so. */
  async calmDown(): Promise<void> {
    const { world } = this;
    for (const { agent, line } of world.agents) {
      line.heal();
      agent.start();
    }
    await this.#subscribeAnew();
    await world.pass(2 * PING_TIMEOUT_MS);
  }

  async checkTruth(): Promise<void> {
    const alive = new Set(this.world.agents.flatMap(({ agent }) => agent.liveTaskIds()));
    for (const [taskId, { framework, agentId }] of this.launched) {
      framework.reconcile([{ taskId, agentId }]);
      await this.world.settle();
      const answer = framework.lastUpdate(taskId);
      expect([taskId, answer?.state]).toEqual([
        taskId,
        alive.has(taskId) ? 'TASK_RUNNING' : expect.not.stringMatching(/RUNNING|STAGING|UNREACHABLE/),
      ]);
    }
    const known = [...this.world.master.cluster.frameworks.values()].flatMap(({ tasks }) => [
      ...tasks.keys(),
    ]);
    expect(new Set(known)).toEqual(alive);
    expect(this.world.agents.every(({ agent }) => agent.taskCount === agent.liveTaskIds().length)).toBe(true);
  }
}

function pick<T>(values: readonly T[], n: number): T | undefined {
  return values[n % Math.max(1, values.length)];
}

describe('the embedded master under any history', () => {
  it('never over-allocates, uses no offer twice, starts no task twice, and knows the truth when the faults end', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
        const history = await History.begin();
        for (const taken of steps) {
          await history.take(taken);
          await history.world.settle();
          history.checkBooks();
          history.checkMachines();
        }
        await history.calmDown();
        history.checkBooks();
        await history.checkTruth();
        history.world.master.stop();
      }),
      { numRuns: Number(process.env['LONGRUN_PROPERTY_RUNS'] ?? 40) },
    );
  });
});
