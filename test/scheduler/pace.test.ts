import type { AppId, AppRecord } from '../../src/apps/app.js';
import type { Call, Event, Offer, SchedulerDriver, TaskState } from '../../src/embedded-mesos/protocol/v1.js';
import { silentLog } from '../../src/logging/log.js';
import { SchedulerService } from '../../src/scheduler/scheduler-service.js';
import type { StoreBatch } from '../../src/store/state-store.js';
import { SystemClock } from '../../src/util/clock.js';
import { SystemDice } from '../../src/util/ids.js';
import { waitFor } from '../support/wait-for.js';
import { FakeStore } from './support/fake-store.js';
import { appRecord, FakeDrainer } from './support/world.js';

const AGENTS = 20;

/** A master that only does its sums: offers what is left, runs everything at once. */
class PlainMaster implements SchedulerDriver {
  readonly #left = Array.from({ length: AGENTS }, () => 1_000);
  readonly #out = new Map<string, number>();
  #handlers: Parameters<SchedulerDriver['start']>[0] | undefined;
  #offers = 0;
  readonly #queue: Event[] = [];
  #delivered = 0;
  running = 0;

  start(handlers: Parameters<SchedulerDriver['start']>[0]): void {
    this.#handlers = handlers;
  }

  stop(): void {
    this.#handlers = undefined;
  }

  call(call: Call): void {
    if (call.type === 'SUBSCRIBE')
      this.#emit({ type: 'SUBSCRIBED', subscribed: { framework_id: { value: 'f' } } });
    if (call.type === 'REVIVE') this.#offer();
    if (call.type === 'DECLINE') for (const { value } of call.decline.offer_ids) this.#out.delete(value);
    if (call.type !== 'ACCEPT') return;
    const [offer] = call.accept.offer_ids;
    const agent = this.#out.get(offer?.value ?? '');
    this.#out.delete(offer?.value ?? '');
    for (const operation of call.accept.operations ?? []) {
      if (operation.type !== 'LAUNCH') continue;
      for (const task of operation.launch.task_infos) {
        this.#left[agent ?? 0] = (this.#left[agent ?? 0] ?? 0) - 1;
        this.running += 1;
        for (const state of ['TASK_STARTING', 'TASK_RUNNING'] satisfies TaskState[]) {
          this.#emit({
            type: 'UPDATE',
            update: {
              status: {
                task_id: task.task_id,
                agent_id: task.agent_id,
                state,
                uuid: `${state}${task.task_id.value}`,
              },
            },
          });
        }
      }
    }
    if (call.accept.filters?.refuse_seconds === 0) this.#offer();
  }

  #offer(): void {
    const held = new Set(this.#out.values());
    const offers: Offer[] = [];
    this.#left.forEach((left, agent) => {
      if (held.has(agent) || left <= 0) return;
      const id = `o${this.#offers++}`;
      this.#out.set(id, agent);
      offers.push({
        id: { value: id },
        framework_id: { value: 'f' },
        agent_id: { value: `a${agent}` },
        hostname: `h${agent}`,
        allocation_info: { role: '*' },
        resources: [
          { name: 'cpus', type: 'SCALAR', scalar: { value: left } },
          { name: 'mem', type: 'SCALAR', scalar: { value: 1e6 } },
        ],
      });
    });
    if (offers.length > 0) this.#emit({ type: 'OFFERS', offers: { offers } });
  }

  #emit(event: Event): void {
    this.#queue.push(event);
    if (this.#queue.length - this.#delivered === 1) setImmediate(() => this.#deliver());
  }

  /** A few events a turn, as they would come in from the wire. */
  #deliver(): void {
    const endMs = performance.now() + 2;
    while (this.#delivered < this.#queue.length && performance.now() < endMs) {
      const event = this.#queue[this.#delivered++];
      if (event) this.#handlers?.onEvent(event);
    }
    if (this.#delivered < this.#queue.length) setImmediate(() => this.#deliver());
  }
}

/** A flush takes a turn of the event loop, as on a disk. */
class DiskLikeStore extends FakeStore {
  readonly batchSizes: number[] = [];

  override async commit(batch: StoreBatch): Promise<void> {
    this.batchSizes.push(batch.writes.length);
    await new Promise<void>((flushed) => setImmediate(flushed));
    await super.commit(batch);
  }
}

describe('pace', () => {
  it('takes 10 000 instances from a want to Running in batches, neither one by one nor all at once', async () => {
    const record = appRecord('/many', { mem: 1 });
    const apps = new Map<AppId, AppRecord>([[record.app.id, record]]);
    const driver = new PlainMaster();
    const store = new DiskLikeStore();
    const scheduler = new SchedulerService({
      store,
      epoch: 1,
      apps,
      driver,
      drainer: new FakeDrainer(),
      clock: new SystemClock(),
      dice: new SystemDice(),
      log: silentLog,
      events: {
        publish: () => undefined,
        position: () => '',
        after: () => undefined,
        subscribe: () => () => undefined,
      },
      settings: { agentReregisterTimeoutSeconds: 60, frameworkName: 'longrun', hostname: 'h' },
    });
    await scheduler.start();
    await scheduler.want(record.app.id, { start: 10_000, stop: [], reason: 'surplus' });
    await waitFor(() => scheduler.instances.counts(record.app.id).running === 10_000, { timeoutMs: 20_000 });
    expect(driver.running).toBe(10_000);
    // One batch is the want itself, whole or not at all.
    const [want, ...others] = store.batchSizes.toSorted((a, b) => b - a);
    expect(want).toBe(10_000);
    expect(Math.max(...others)).toBeLessThanOrEqual(1_000);
    expect(store.batchSizes.length).toBeLessThan(2_000);
    expect(store.batchSizes.reduce((sum, size) => sum + size, 0)).toBeGreaterThanOrEqual(20_000);
    await scheduler.stop();
  });
});
