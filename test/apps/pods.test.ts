import { readPod } from '../../src/apps/decide/pods/read-pod.js';
import { resolvePath } from '../../src/apps/path.js';
import type { PodDraft } from '../../src/apps/pod.js';
import { PodRequests } from '../../src/apps/pod-requests.js';
import { CatalogError, type ErrorDetail } from '../../src/errors/registry.js';
import { expectContract } from '../api/support/contract.js';
import { normalisedPods, wholePod } from './conformance/pod-normalisations.js';
import { container, keeping, pod, refusedPodChanges, refusedPods } from './conformance/pods.js';
import { contract, findings } from './support/app-world.js';

const settings = { defaultRole: '*' };

function read(body: unknown, before?: PodDraft): PodDraft {
  const input = contract.read('PodInput', body);
  return readPod(input, resolvePath(input.id), settings, before);
}

function refusalOf(act: () => unknown): CatalogError {
  try {
    act();
  } catch (error) {
    if (error instanceof CatalogError) return error;
    throw error;
  }
  throw new Error('it was not refused');
}

describe('a pod is refused, with the path and what is wrong there, for', () => {
  it.each(refusedPods)('%s', (_what, body, expected) => {
    const error = refusalOf(() => read(body));
    expect({ status: error.status, message: error.message }).toEqual({
      status: 422,
      message: 'Object is not valid',
    });
    expect(findings(error)).toEqual(expected);
    for (const detail of error.details as readonly ErrorDetail[])
      expect(detail).toMatchObject({ code: expect.stringMatching(/./), hint: expect.stringMatching(/./) });
  });
});

describe('a pod that keeps data may not change', () => {
  it.each(refusedPodChanges)('%s', (_what, body, expected) => {
    expect(findings(refusalOf(() => read(body, read(keeping()))))).toEqual(expected);
  });

  it('while its commands and labels may', () => {
    const other = keeping({ labels: { a: 'b' }, environment: { A: 'b' } });
    expect(read(other, read(keeping())).labels).toEqual({ a: 'b' });
  });

  it('while one without data may change anything', () => {
    const bigger = pod({ containers: [container({ resources: { cpus: 9 } })] });
    expect(read(bigger, read(pod())).containers[0]?.resources.cpus).toBe(9);
  });
});

describe('a pod is normalised from', () => {
  it.each(normalisedPods)('%s', (_what, body, normalised) => {
    expect(read(body)).toEqual(normalised);
  });

  it.each([
    ...normalisedPods.map(([what, body]) => [what, body] as const),
    ['everything there is', wholePod] as const,
  ])('%s; what would be answered is what the contract says, and read again it is the same', (_what, body) => {
    const draft = read(body);
    expectContract('Pod', { ...draft, version: '2026-01-01T00:00:00.000Z' });
    expect(read(JSON.parse(JSON.stringify(draft)))).toEqual(draft);
  });

  it('everything there is: nothing of it is lost', () => {
    expect(read(wholePod)).toMatchObject(wholePod);
  });

  it('a network without a name takes the default one', () => {
    const input = contract.read('PodInput', pod({ networks: [{ mode: 'container' }] }));
    const draft = readPod(input, '/pod', { ...settings, defaultNetworkName: 'overlay' });
    expect(draft.networks).toEqual([{ mode: 'container', name: 'overlay' }]);
  });
});

describe('a request about a pod', () => {
  const requests = new PodRequests({
    registry: {
      get: (id) => (id === '/app' ? {} : undefined),
      groups: { get: (id) => (id === '/group' ? {} : undefined) },
    },
    contract,
    settings,
  });

  it('that breaks no rule is refused for what longrun cannot run yet, the last of all stages', () => {
    const error = refusalOf(() => requests.create(wholePod));
    expect(error.message).toBe('This definition needs what longrun cannot run yet: pods');
    expect(error.code).toBe('unsupported');
    expect(findings(error)).toEqual({ '/': ['is not supported yet'] });
    expect(refusalOf(() => requests.replace('shop/pod', wholePod)).code).toBe('unsupported');
  });

  it('names apps as the way out where there is one', () => {
    const hint = (body: unknown): string | undefined =>
      (refusalOf(() => requests.create(body)).details as readonly ErrorDetail[])[0]?.hint;
    expect(hint(pod())).toContain('POST it to /v2/apps');
    expect(hint(wholePod)).toContain('in one group');
  });

  it.each([
    ['an app', '/app', 'Applications and Pods may not share the same id'],
    ['a group', '/group', 'Groups and Pods may not have the same identifier.'],
    ['what lies in an app', '/app/pod', 'Groups and Applications may not have the same identifier.'],
  ])('cannot have the id of %s', (_what, id, text) => {
    expect(findings(refusalOf(() => requests.create(pod({ id }))))).toEqual({ '/id': [text] });
  });

  it('cannot name another pod than the URL', () => {
    const error = refusalOf(() => requests.replace('/foo', pod({ id: '/bla' })));
    expect([error.status, error.message]).toEqual([400, "'/foo' does not match definition's id ('/bla')"]);
  });
});

describe('a wrong value anywhere in a pod is refused with a path:', () => {
  type Json = Record<string, unknown>;
  type Place = readonly (string | number)[];

  function* places(value: unknown, at: Place = []): Iterable<Place> {
    if (typeof value !== 'object' || value === null) return;
    for (const [key, member] of Object.entries(value)) {
      const place = [...at, Array.isArray(value) ? Number(key) : key];
      yield place;
      yield* places(member, place);
    }
  }

  function changed(place: Place, value: unknown): Json {
    const copy = structuredClone(wholePod);
    const holder = place.slice(0, -1).reduce((at: unknown, key) => (at as Json)[key as string], copy) as Json;
    holder[place.at(-1) as string] = value;
    return copy;
  }

  const valueAt = (place: Place): unknown =>
    place.reduce((at: unknown, key) => (at as Json)[key as string], wholePod);

  function wrongValues(value: unknown): readonly unknown[] {
    const anyway = [[[[]]], typeof value === 'object' ? 7 : { x: 7 }];
    if (typeof value === 'number') return [...anyway, -1, Number.MAX_VALUE * 2, 'x'];
    if (typeof value === 'boolean') return [...anyway, 'yes', 1];
    return typeof value === 'string' ? [...anyway, 1, true] : [...anyway, 'x', true];
  }

  const cases = [...places(wholePod)].flatMap((place) =>
    wrongValues(valueAt(place))
      // A variable may be a text instead of a secret.
      .filter((value) => !(place.join('.') === 'environment.S' && value === 'x'))
      .map((value) => [place, value] as const),
  );

  it(`in all of ${cases.length} cases`, () => {
    expect(cases.length).toBeGreaterThan(500);
    const missed: unknown[] = [];
    for (const [place, value] of cases) {
      const error = refusalOf(() => read(changed(place, value)));
      const details = error.details as readonly ErrorDetail[];
      const told = details.every(
        ({ path, errors, hint }) => path.startsWith('/') && errors.length > 0 && hint,
      );
      const ofField = details.some(({ path }) => path.startsWith(`/${String(place[0])}`));
      if (error.status !== 422 || !told || !ofField) missed.push([place.join('.'), value, details]);
    }
    expect(missed).toEqual([]);
  });

  it('null for any element of a list, and for any member that must be there', () => {
    const required =
      /(^id|^containers|\.name|\.endpoint|\.uri|\.mountPath|\.command|\.size|\.source|\.secret|\.kind|\.fieldName)$/;
    const kinds: readonly string[] = ['scaling.kind', 'volumes.2.secret'];
    const asked = [...places(wholePod)].filter(
      (place) =>
        !kinds.includes(place.join('.')) &&
        !place.join('.').startsWith('networks.0.') &&
        (typeof place.at(-1) === 'number' || required.test(place.join('.'))),
    );
    expect(asked.length).toBeGreaterThan(25);
    for (const place of asked) {
      const error = refusalOf(() => read(changed(place, null)));
      expect([place.join('.'), error.code]).toEqual([place.join('.'), 'invalid-json']);
    }
  });
});
