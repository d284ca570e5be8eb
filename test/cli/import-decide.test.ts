import { join } from 'node:path';
import fc from 'fast-check';
import { type Contract, loadContract } from '../../src/api/contract/load-contract.js';
import { chunksOf } from '../../src/cli/import/decide/chunks.js';
import type { JsonObject } from '../../src/cli/import/decide/json-value.js';
import { type Judge, judgeApp } from '../../src/cli/import/decide/judge-app.js';
import { planImport } from '../../src/cli/import/decide/plan-import.js';
import { liesIn, readTree, type SourceTree } from '../../src/cli/import/decide/read-tree.js';
import { refusedApps } from '../../src/cli/import/decide/refused-apps.js';
import { type TranslatedApp, translateApp } from '../../src/cli/import/decide/translate-app.js';
import { honourOf, isKnownField } from '../../src/cli/import/honour-table.js';
import { packageRoot } from '../support/package-root.js';
import { bridgedBy11, database, pod, shownBy110, tree, web, worker14 } from './support/old-marathon.js';

let contract: Contract;
let judge: Judge;
const nothing: SourceTree = { apps: [], groups: [] };

beforeAll(async () => {
  contract = await loadContract(join(packageRoot(), 'openapi.yaml'));
  judge = {
    read: (body) => contract.read('AppInput', body),
    readPod: (body) => contract.read('PodInput', body),
    settings: { defaultRole: '*' },
    replace: false,
  };
});

const noteOf = ({ notes }: TranslatedApp, what: string) => notes.find((note) => note.what === what);

describe('an app as it was read', () => {
  it('loses what only reads show and keeps its service port', () => {
    const { definition } = translateApp(web);
    expect(definition).not.toHaveProperty('tasksRunning');
    expect(definition).not.toHaveProperty('version');
    expect(definition).toHaveProperty('portDefinitions', [{ port: 10_007, protocol: 'tcp', name: 'http' }]);
  });

  it('of 1.1 on the bridge has its service port in its mapping, each form once, and no nulls', () => {
    const { definition } = translateApp(bridgedBy11);
    expect(definition).not.toHaveProperty('ports');
    expect(definition).not.toHaveProperty('portDefinitions');
    expect(definition).not.toHaveProperty('uris');
    expect(definition).toHaveProperty('container.docker.portMappings.0.servicePort', 10_101);
    expect(definition).toHaveProperty('healthChecks.0', {
      protocol: 'COMMAND',
      command: { value: 'true' },
      gracePeriodSeconds: 300,
    });
    expect(JSON.stringify(definition)).not.toContain('null');
  });

  it('of 1.4 with host networking needs `ports` no more', () => {
    const { definition } = translateApp(worker14);
    expect(definition).not.toHaveProperty('ports');
    expect(definition).toHaveProperty('portDefinitions.0.port', 10_020);
    expect(judgeApp(definition, undefined, judge)).toEqual({ kind: 'new' });
  });

  it('leaves the role of Marathon, and says so; the neutral role is not worth a word', () => {
    const translated = translateApp(web);
    expect(translated.definition).not.toHaveProperty('role');
    expect(translated.definition).not.toHaveProperty('acceptedResourceRoles');
    expect(noteOf(translated, 'role')).toMatchObject({ honour: 'translated' });
    expect(noteOf(translateApp(database), 'role')).toBeUndefined();
    expect(translateApp(database).definition).toHaveProperty('acceptedResourceRoles', ['*']);
  });

  it('says of each label whether it is honoured, and what to do', () => {
    const translated = translateApp(web);
    expect(noteOf(translated, 'label HAPROXY_0_VHOST')).toMatchObject({ honour: 'honoured' });
    expect(noteOf(translated, 'label HAPROXY_GROUP')).toMatchObject({ honour: 'honoured' });
    expect(noteOf(translated, 'label HAPROXY_0_HTTP_FRONTEND_ACL')).toMatchObject({
      honour: 'not',
      todo: expect.stringContaining('which setting it stood for'),
    });
    expect(noteOf(translated, 'label owner')).toMatchObject({ honour: 'honoured' });
  });

  it('says which of its fields nobody knows, and leaves them out', () => {
    const translated = translateApp(shownBy110({ id: '/x', cmd: 'true', upgradePolicy: { max: 1 } }));
    expect(noteOf(translated, 'upgradePolicy')).toMatchObject({ honour: 'not' });
    expect(translated.definition).not.toHaveProperty('upgradePolicy');
  });

  it('keeps files from every field that ever named them', () => {
    const { definition } = translateApp({
      id: '/x',
      cmd: 'a',
      uris: ['http://a/b'],
      storeUrls: ['http://c/d'],
      fetch: [],
    });
    expect(definition).toMatchObject({ uris: ['http://a/b', 'http://c/d'] });
    expect(definition).not.toHaveProperty('storeUrls');
  });

  it('is translated once and for all', () => {
    for (const app of [web, database, worker14, bridgedBy11]) {
      const once = translateApp(app).definition;
      expect(translateApp(once).definition).toEqual(once);
    }
  });
});

describe('the table of what is honoured', () => {
  it('has every field of a definition', async () => {
    const document = (await import('yaml')).parse(
      (await import('node:fs')).readFileSync(join(packageRoot(), 'openapi.yaml'), 'utf8'),
    ) as { components: { schemas: { AppUpdate: { properties: Record<string, unknown> } } } };
    const fields = Object.keys(document.components.schemas.AppUpdate.properties).filter(
      (name) => name !== 'version',
    );
    expect(fields.filter((name) => !isKnownField(name))).toEqual([]);
    expect(fields.length).toBeGreaterThan(35);
  });

  it('takes the nearest row: an index, a family, anything', () => {
    expect(honourOf('label', 'HAPROXY_12_VHOST').honour).toBe('honoured');
    expect(honourOf('label', 'HAPROXY_x_VHOST').name).toBe('HAPROXY_*');
    expect(honourOf('label', 'HAPROXY_0_BACKEND_HEAD').honour).toBe('partly');
    expect(honourOf('label', 'HAPROXY_0_HTTP_FRONTEND_ACL').honour).toBe('not');
    expect(honourOf('label', 'team').name).toBe('*');
    expect(honourOf('field', 'cmdline').honour).toBe('not');
  });
});

describe('a plan', () => {
  const plan = (destination: SourceTree = nothing, replace = false, stopped = false) =>
    planImport({ source: readTree(tree), pods: [pod], destination, judge: { ...judge, replace }, stopped });
  const verdictOf = (id: string, destination?: SourceTree, replace?: boolean) =>
    plan(destination, replace).apps.find((app) => app.id === id)?.verdict;
  const present = (app: JsonObject): SourceTree => ({ apps: [app], groups: [] });

  it('imports what runs here and keeps aside what does not, with the reason', () => {
    expect(plan().apps.map(({ id, verdict }) => [id, verdict.kind])).toEqual([
      ['/worker', 'new'],
      ['/legacy/bridged', 'aside'],
      ['/shop/db', 'new'],
      ['/shop/web', 'new'],
    ]);
    expect(verdictOf('/legacy/bridged')).toMatchObject({
      reasons: expect.arrayContaining([expect.objectContaining({ path: '/executor' })]),
    });
    expect(plan().pods).toMatchObject([{ id: '/shop/pod' }]);
  });

  it('tells groups what is their own: dependencies, or that they are there at all', () => {
    expect(plan().groups).toEqual([
      { id: '/shop', dependencies: ['/worker'], verdict: 'new' },
      { id: '/shop/later', dependencies: [], verdict: 'new' },
    ]);
    const there = { id: '/shop', dependencies: ['/other'], enforceRole: false };
    const groups = [there, { id: '/shop/later', dependencies: [], enforceRole: false }];
    expect(plan({ apps: [], groups }).groups).toMatchObject([{ id: '/shop', verdict: 'conflict' }]);
    expect(plan({ apps: [], groups }, true).groups).toMatchObject([{ id: '/shop', verdict: 'new' }]);
    expect(plan().enforcingRole).toEqual(['/shop']);
  });

  it('leaves alone what is here already, whatever its number of instances', () => {
    const here = { ...translateApp(database).definition, instances: 7, version: '2026-01-01T00:00:00.000Z' };
    expect(verdictOf('/shop/db', present(here))).toEqual({ kind: 'same' });
  });

  it('takes a port that was left open for the port that was chosen', () => {
    const open = shownBy110({ id: '/p', cmd: 'a', portDefinitions: [{ port: 0, protocol: 'tcp' }] });
    const chosen = { ...open, portDefinitions: [{ port: 10_050, protocol: 'tcp' }] };
    expect(judgeApp(translateApp(open).definition, chosen, judge)).toEqual({ kind: 'same' });
    expect(judgeApp(translateApp(chosen).definition, open, judge)).toMatchObject({ kind: 'conflict' });
  });

  it('never overwrites another app of the same id unless told to', () => {
    const other = shownBy110({ id: '/shop/db', cmd: 'other' });
    expect(verdictOf('/shop/db', present(other))).toMatchObject({
      kind: 'conflict',
      fields: expect.arrayContaining(['cmd', 'portDefinitions']),
    });
    expect(verdictOf('/shop/db', present(other), true)).toMatchObject({ kind: 'replace' });
  });

  it('says when another app has the service port, and when a dependency is kept aside', () => {
    const owner = shownBy110({ id: '/mine', cmd: 'a', portDefinitions: [{ port: 10_007 }] });
    const noted = plan(present(owner)).apps.find(({ id }) => id === '/shop/web');
    expect(noted?.notes).toContainEqual(
      expect.objectContaining({ what: 'service port 10007', honour: 'partly' }),
    );
    const needy = shownBy110({ id: '/needy', cmd: 'a', dependencies: ['/legacy/bridged'] });
    const source = { apps: [needy, bridgedBy11], groups: [] };
    const [, last] = planImport({ source, pods: [], destination: nothing, judge, stopped: false }).apps;
    expect(last?.notes).toContainEqual(expect.objectContaining({ what: 'dependencies', honour: 'partly' }));
  });

  it('can import with no instances', () => {
    expect(plan(nothing, false, true).apps.map(({ definition }) => definition['instances'])).toEqual([
      0, 0, 0, 0,
    ]);
  });

  it('puts dependencies before those that depend on them, and loses nobody in a circle', () => {
    const arbitraryApps = fc
      .array(fc.array(fc.nat(9), { maxLength: 3 }), { minLength: 1, maxLength: 10 })
      .map((all) =>
        all.map((dependencies, index) =>
          shownBy110({ id: `/a${index}`, cmd: 'a', dependencies: dependencies.map((other) => `/a${other}`) }),
        ),
      );
    fc.assert(
      fc.property(arbitraryApps, fc.boolean(), (apps, acyclic) => {
        const source = acyclic
          ? apps.map((app, index) => ({ ...app, dependencies: before(app, index) }))
          : apps;
        const planned = planImport({
          source: { apps: source, groups: [] },
          pods: [],
          destination: nothing,
          judge,
          stopped: false,
        }).apps;
        expect([...planned.map(({ id }) => id)].sort()).toEqual(apps.map(({ id }) => id).sort());
        if (!acyclic) return;
        const place = new Map(planned.map(({ id }, index) => [id, index]));
        for (const { id, definition } of planned) {
          for (const other of (definition['dependencies'] ?? []) as string[])
            expect(place.get(other)).toBeLessThan(place.get(id) ?? 0);
        }
      }),
      { numRuns: 60 },
    );
    function before(app: JsonObject, index: number): string[] {
      return (app['dependencies'] as string[]).filter((id) => Number(id.slice(2)) < index);
    }
  });
});

describe('what a server refused', () => {
  it('is told of the apps it was about', () => {
    const details = [
      { path: '/(2)/container/docker', errors: ['is not supported yet'], hint: 'no' },
      { path: '/(0)', errors: ['bad'] },
    ];
    expect(refusedApps(details)).toEqual(
      new Map([
        [2, [{ path: '/container/docker', text: 'is not supported yet', hint: 'no' }]],
        [0, [{ path: '/', text: 'bad', hint: '' }]],
      ]),
    );
  });

  it('is no app’s fault when a finding belongs to none', () => {
    expect(refusedApps([{ path: '/dependencies', errors: ['x'] }])).toBeUndefined();
    expect(refusedApps('text')).toBeUndefined();
    expect(refusedApps([])).toBeUndefined();
  });
});

describe('requests', () => {
  it('are cut by number and by size, in order, with nothing lost', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(50)), (sizes) => {
        const chunks = chunksOf(sizes, { apps: 3, characters: 60 }, (size) => size);
        expect(chunks.flat()).toEqual(sizes);
        for (const chunk of chunks) {
          expect(chunk.length).toBeLessThanOrEqual(3);
          expect(chunk.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(60);
        }
      }),
    );
  });

  it('name groups by whole segments', () => {
    expect([liesIn('/a/b', '/a'), liesIn('/a', '/a'), liesIn('/ab', '/a'), liesIn('/x', '/')]).toEqual([
      true,
      true,
      false,
      true,
    ]);
  });
});
