import fc from 'fast-check';
import type { Layout } from '../../../src/proxy/haproxy/decide/layout.js';
import {
  type Command,
  freed,
  NO_PLAN,
  type Plan,
  planChange,
} from '../../../src/proxy/haproxy/decide/plan-change.js';
import type { Service } from '../../../src/proxy/table.js';
import { layoutOf, server, web } from './world.js';

/** What a HAProxy that was started from a plan and told commands would send requests to. */
class ModelOfHaproxy {
  readonly servers = new Map<string, { place: string; ready: boolean; busy: boolean }>();
  paths = new Map<string, string>();

  load(plan: Plan): void {
    this.servers.clear();
    for (const [name, { slots }] of plan.backends)
      for (const [index, slot] of slots.entries())
        this.servers.set(`${name} ${index}`, {
          place: slot.state === 'taken' ? `${slot.by.address}:${slot.by.port}` : 'nowhere',
          ready: slot.state === 'taken' && !slot.by.disabled,
          busy: false,
        });
    this.paths = new Map(plan.routes.paths);
  }

  run(commands: readonly Command[]): void {
    for (const command of commands) {
      if (command.do === 'grow') {
        const name = `${command.backend} ${command.slot}`;
        if (this.servers.has(name)) throw new Error('a slot was added twice');
        this.servers.set(name, { place: 'nowhere', ready: false, busy: false });
      } else if (command.do === 'maint') this.#slot(command.backend, command.slot).ready = false;
      else if (command.do === 'take') {
        const slot = this.#slot(command.backend, command.slot);
        const place = `${command.by.address}:${command.by.port}`;
        // An address must not change under what is in flight.
        if (slot.busy && slot.place !== place) throw new Error('a busy slot was given away');
        if (!command.known) slot.place = place;
        if (slot.place !== place) throw new Error('a slot leads elsewhere');
        slot.ready = !command.by.disabled;
      } else if (command.do === 'del') this.paths.delete(command.map === 'paths' ? command.key : '');
      else if ('value' in command && command.map === 'paths') this.paths.set(command.key, command.value);
    }
  }

  ready(): readonly string[] {
    return [...this.servers]
      .flatMap(([name, { place, ready }]) => (ready ? [`${name.split(' ')[0]} ${place}`] : []))
      .sort();
  }

  #slot(backend: string, index: number): { place: string; ready: boolean; busy: boolean } {
    const slot = this.servers.get(`${backend} ${index}`);
    if (!slot) throw new Error(`there is no slot ${index} of ${backend}`);
    return slot;
  }
}

const wanted = (layout: Layout): readonly string[] =>
  [...layout.backends.values()]
    .flatMap(({ name, occupants }) =>
      occupants.flatMap(({ disabled, address, port }) => (disabled ? [] : [`${name} ${address}:${port}`])),
    )
    .sort();

const started = (layout: Layout): Plan => planChange(NO_PLAN, layout).reload ?? NO_PLAN;

describe('the way of HAProxy from one table to the next', () => {
  it('is commands alone when instances come and go', () => {
    const plan = started(layoutOf(web([server(1), server(2)])));
    const { commands, reload } = planChange(plan, layoutOf(web([server(2), server(3)])));
    expect(reload).toBeUndefined();
    expect(commands.map((each) => [each.do, 'slot' in each ? each.slot : undefined])).toEqual([
      ['maint', 0],
      ['take', 2],
    ]);
  });

  it('adds slots when they are used up, as many again', () => {
    const plan = started(layoutOf(web([server(1)])));
    const many = [1, 2, 3, 4, 5].map((each) => server(each));
    const { commands, reload, plan: after } = planChange(plan, layoutOf(web(many)));
    expect(reload).toBeUndefined();
    expect(commands.map((each) => [each.do, 'slot' in each ? each.slot : undefined])).toEqual([
      ...[4, 5, 6, 7].map((slot) => ['grow', slot]),
      ...[1, 2, 3, 4].map((slot) => ['take', slot]),
    ]);
    const more = [...many, server(6), server(7), server(8)];
    expect(planChange(after, layoutOf(web(more))).commands.map((each) => each.do)).toEqual(
      Array(3).fill('take'),
    );
  });

  it('looks at nothing but what changed, and puts nothing else into words again', () => {
    const quiet = web([server(1), server(2)]);
    const busyWith = (count: number): Service =>
      web(
        [7, 8, 9].slice(0, count).map((each) => server(each)),
        {
          appId: '/busy' as never,
          servicePort: 10_001,
          vhosts: [],
        },
      );
    const [one, busy] = [busyWith(1), busyWith(2)];
    const plan = started(layoutOf(quiet, one));
    const changed = planChange(plan, layoutOf(quiet, busy));
    expect(changed.commands.map((each) => each.do)).toEqual(['take']);
    expect(changed.plan.backends.get('web_10000')).toBe(plan.backends.get('web_10000'));
    const another = web([server(5)], { appId: '/another' as never, servicePort: 10_002, vhosts: [] });
    const { reload } = planChange(changed.plan, layoutOf(quiet, busy, another));
    expect(reload?.backends.get('web_10000')).toBe(plan.backends.get('web_10000'));
    expect(reload?.backends.get('busy_10001')).toBe(changed.plan.backends.get('busy_10001'));
    // Whoever left stands in no configuration.
    const left = planChange(plan, layoutOf(web([server(1)]), one));
    const next = planChange(left.plan, layoutOf(web([server(1)]), one, another)).reload;
    expect(next?.backends.get('web_10000')?.slots.map(({ state }) => state)).toEqual([
      'taken',
      'free',
      'free',
      'free',
    ]);
  });

  it('is a reload for another app, another way to balance, and for more slots where commands failed', () => {
    const plan = started(layoutOf(web([server(1)])));
    const other = web([server(9)], { appId: '/b' as never, servicePort: 10_001, vhosts: [] });
    expect(planChange(plan, layoutOf(web([server(1)]), other)).reload).toBeDefined();
    expect(planChange(plan, layoutOf(web([server(1)], { balance: 'leastconn' }))).reload).toBeDefined();
    const many = [1, 2, 3, 4, 5].map((each) => server(each));
    expect(planChange(plan, layoutOf(web(many)), false).reload).toBeDefined();
  });

  it('gives a slot to nobody else before what is in flight in it is done', () => {
    const plan = started(layoutOf(web([server(1)])));
    const left = planChange(plan, layoutOf(web([]))).plan;
    const again = planChange(left, layoutOf(web([server(2)])));
    expect(again.commands).toMatchObject([{ do: 'take', slot: 1 }]);
    const done = planChange(freed(left, 'web_10000', 0), layoutOf(web([server(2)])));
    expect(done.commands).toMatchObject([{ do: 'take', slot: 0, known: false }]);
  });

  it('leads to the very servers of each table, whatever came before, and never moves a busy slot', () => {
    const tables = fc.array(
      fc.record({
        numbers: fc.uniqueArray(fc.integer({ min: 1, max: 12 }), { maxLength: 12 }),
        mayGrow: fc.boolean(),
        disabled: fc.integer({ min: 0, max: 12 }),
        weight: fc.integer({ min: 0, max: 256 }),
        path: fc.constantFrom('/a', '/b', undefined),
        done: fc.boolean(),
      }),
      { maxLength: 12 },
    );
    fc.assert(
      fc.property(tables, (steps) => {
        const model = new ModelOfHaproxy();
        let plan = NO_PLAN;
        for (const { numbers, mayGrow, disabled, weight, path, done } of steps) {
          const servers = numbers.map((each) => server(each, each === disabled ? { disabled: true } : {}));
          const layout = layoutOf(web(servers, { weight, ...(path && { paths: [path] }) }));
          const change = planChange(plan, layout, mayGrow);
          model.run(change.commands);
          plan = change.plan;
          for (const slot of model.servers.values()) if (slot.ready) slot.busy = true;
          if (change.reload) {
            plan = change.reload;
            model.load(plan);
          }
          expect(model.ready()).toEqual(wanted(layout));
          expect([...model.paths]).toEqual([...layout.routes.paths]);
          if (!done) continue;
          for (const [name, { slots }] of plan.backends)
            for (const [index, slot] of slots.entries())
              if (slot.state === 'leaving') {
                plan = freed(plan, name, index);
                const emptied = model.servers.get(`${name} ${index}`);
                if (emptied) emptied.busy = false;
              }
        }
      }),
      { numRuns: 200 },
    );
  });
});
