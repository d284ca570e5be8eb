import fc from 'fast-check';
import type { AppId, AppRecord } from '../../src/apps/app.js';
import type { PlannedApp } from '../../src/deployments/decide/classify-change.js';
import { dependencyLayers } from '../../src/deployments/decide/dependency-layers.js';
import { planSteps, resumeStep } from '../../src/deployments/decide/plan.js';
import type { InstanceId } from '../../src/scheduler/instance.js';
import { recordOf, type Wish } from './support/builders.js';

type Pair = readonly [before: Wish | undefined, after: Wish | undefined, flags?: Partial<PlannedApp>];

/** The plan in words: `Stop /a | Start /b | Scale /b`. */
function planned(pairs: Readonly<Record<string, Pair>>, standing: readonly AppRecord[] = []): string {
  const apps = new Map<AppId, PlannedApp>();
  for (const [id, [before, after, flags]] of Object.entries(pairs)) {
    apps.set(id as AppId, {
      before: before && recordOf(id, before),
      after: after && recordOf(id, after),
      continues: false,
      mixed: false,
      ...flags,
    });
  }
  const wanted = new Map(standing.map((record) => [record.app.id, record]));
  for (const [id, { after }] of apps) if (after) wanted.set(id, after);
  const steps = planSteps({
    apps,
    graph: {
      dependenciesOf: (id) => wanted.get(id)?.app.dependencies,
      appsUnder: (group) => [...wanted.keys()].filter((id) => id.startsWith(`${group}/`)),
    },
  });
  return steps
    .map(({ actions }) =>
      actions.map(({ action, app }) => `${action.replace('Application', '')} ${app}`).join(', '),
    )
    .join(' | ');
}

describe('planning', () => {
  it('starts a new app with a step that does nothing and then a scale', () => {
    expect(planned({ '/web': [undefined, { instances: 2 }] })).toBe('Start /web | Scale /web');
  });

  it.each<[string, Pair, string]>([
    ['only the number of instances differs', [{ instances: 1 }, { instances: 3 }], 'Scale /web'],
    ['what instances are made from differs', [{ made: 'v1' }, { made: 'v2' }], 'Restart /web'],
    ['both differ', [{ made: 'v1' }, { made: 'v2', instances: 3 }], 'Restart /web'],
    [
      'both differ and none is wanted any more',
      [
        { made: 'v1', instances: 2 },
        { made: 'v2', instances: 0 },
      ],
      'Scale /web',
    ],
    ['nothing an instance is made from differs', [{ labels: {} }, { labels: { HAPROXY_GROUP: 'x' } }], ''],
    ['the app is removed', [{}, undefined], 'Stop /web'],
    ['none is wanted before and after', [{ instances: 0 }, { instances: 0, labels: { a: 'b' } }], ''],
    ['a cancelled plan left it short of instances', [{}, {}, { continues: true }], 'Scale /web'],
    ['a cancelled plan left it mixed', [{}, {}, { continues: true, mixed: true }], 'Restart /web'],
    ['a cancelled plan left it half removed', [undefined, undefined, { continues: true }], 'Stop /web'],
  ])('when %s', (_when, pair, plan) => {
    expect(planned({ '/web': pair })).toBe(plan);
  });

  it('stops everything in one step first, whatever depends on what', () => {
    expect(
      planned({
        '/a': [{ dependencies: ['/b'] }, undefined],
        '/b': [{}, undefined],
        '/c': [{}, { instances: 2 }],
      }),
    ).toBe('Stop /a, Stop /b | Scale /c');
  });

  it('brings up what others depend on first', () => {
    expect(
      planned({
        '/web': [undefined, { dependencies: ['/api'] }],
        '/api': [undefined, { dependencies: ['/db'] }],
        '/db': [undefined, {}],
        '/cache': [undefined, {}],
      }),
    ).toBe(
      'Start /web, Start /api, Start /db, Start /cache | Scale /db, Scale /cache | Scale /api | Scale /web',
    );
  });

  it('leaves out layers in which nothing changes', () => {
    expect(
      planned(
        {
          '/web': [{ dependencies: ['/api'] }, { made: 'v2', dependencies: ['/api'] }],
          '/db': [{}, { made: 'v2' }],
        },
        [recordOf('/api', { dependencies: ['/db'] }), recordOf('/db'), recordOf('/cache')],
      ),
    ).toBe('Restart /db | Restart /web');
  });

  it('takes a dependency on a group as one on every app below it', () => {
    expect(
      planned({
        '/web': [undefined, { dependencies: ['/back'] }],
        '/back/deep/db': [undefined, {}],
      }),
    ).toBe('Start /web, Start /back/deep/db | Scale /back/deep/db | Scale /web');
  });

  it('names the victims of a kill-and-scale in the action', () => {
    const victims = { ['/web' as AppId]: ['web.1' as InstanceId] };
    const apps = new Map([
      [
        '/web' as AppId,
        {
          before: recordOf('/web', { instances: 2 }),
          after: recordOf('/web'),
          continues: false,
          mixed: false,
        },
      ],
    ]);
    const steps = planSteps({ apps, graph: { dependenciesOf: () => [], appsUnder: () => [] }, victims });
    expect(steps).toEqual([{ actions: [{ action: 'ScaleApplication', app: '/web', victims: ['web.1'] }] }]);
  });

  it('never resumes at a leading step that does nothing', () => {
    const steps = [
      { actions: [{ action: 'StartApplication' as const, app: '/a' as AppId }] },
      { actions: [{ action: 'ScaleApplication' as const, app: '/a' as AppId }] },
      { actions: [{ action: 'ScaleApplication' as const, app: '/b' as AppId }] },
    ];
    expect([0, 1, 2, 3].map((step) => resumeStep(steps, step))).toEqual([2, 2, 2, 3]);
  });
});

describe('dependency layers', () => {
  it('put every app after all it depends on', () => {
    // Edges only from higher to lower numbers: no cycles.
    const graphs = fc.array(fc.array(fc.nat({ max: 30 }), { maxLength: 5 }), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(graphs, (lists) => {
        const edges = lists.map((list, from) => list.filter((to) => to < from));
        const id = (number: number) => `/a${number}` as AppId;
        const layers = dependencyLayers(
          edges.map((_, number) => id(number)),
          { dependenciesOf: (app) => edges[Number(app.slice(2))]?.map(id), appsUnder: () => [] },
        );
        const layerOf = new Map(
          layers.flatMap((members, layer) => members.map((app) => [app, layer] as const)),
        );
        expect(layerOf.size).toBe(edges.length);
        edges.forEach((targets, from) => {
          for (const to of targets) expect(layerOf.get(id(to))).toBeLessThan(layerOf.get(id(from)) ?? -1);
        });
      }),
    );
  });

  it('survive a chain of twenty thousand apps and a cycle that validation let through', () => {
    const id = (number: number) => `/a${number}` as AppId;
    const chain = Array.from({ length: 20_000 }, (_, number) => id(number));
    const graph = { dependenciesOf: (app: AppId) => [id(Number(app.slice(2)) + 1)], appsUnder: () => [] };
    const layers = dependencyLayers(chain, {
      ...graph,
      dependenciesOf: (app) => (app === id(20_000) ? undefined : graph.dependenciesOf(app)),
    });
    expect(layers).toHaveLength(20_000);
    expect(layers[0]).toEqual([id(19_999)]);
    const cycle = { dependenciesOf: (app: AppId) => (app === '/x' ? ['/y'] : ['/x']), appsUnder: () => [] };
    expect(dependencyLayers(['/x', '/y'] as AppId[], cycle).flat()).toHaveLength(2);
  });
});
