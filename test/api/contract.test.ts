import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Express } from 'express';
import { accessTable } from '../../src/api/decide/access-table.js';
import { errors } from '../../src/errors/registry.js';
import { ContractChecker, type SeenAnswer } from '../support/contract-checker.js';
import {
  type ContractOperation,
  isObject,
  type Json,
  type Node,
  pointerOf,
  readContractDocument,
} from '../support/contract-document.js';
import { exampleOf } from '../support/contract-example.js';
import { packageRoot } from '../support/package-root.js';
import { ApiWorld } from './support/api-world.js';
import { makeAuth } from './support/auth.js';
import { FakeMetrics } from './support/fakes.js';

const document = readContractDocument();
const checker = new ContractChecker(document);
/** Served beside the API by whoever runs the process; only administrators reach them. */
const isOperators = ({ path }: { readonly path: string }): boolean => path.startsWith('/longrun/v1/');
const inApi = document.operations.filter((operation) => !isOperators(operation));

/** Every schema of the document with what it is, deep, once each. */
function* schemas(): Generator<Node> {
  const roots = [...document.membersOf(document.at('/components'), 'schemas').values()];
  for (const operation of document.operations) roots.push(...bodiesOf(operation).map(({ schema }) => schema));
  for (const root of roots) yield* below(root);
}

function* below(node: Node): Generator<Node> {
  yield node;
  const { pointer, value } = node;
  const inside: readonly (readonly [string, unknown])[] = [
    ['items', value['items']],
    ['additionalProperties', value['additionalProperties']],
    ...Object.entries(asObject(value['properties'])).map(
      ([name, schema]) => [pointerOf('properties', name).slice(1), schema] as const,
    ),
    ...['allOf', 'anyOf', 'oneOf'].flatMap((name) =>
      ((value[name] ?? []) as readonly unknown[]).map(
        (schema, index) => [`${name}/${index}`, schema] as const,
      ),
    ),
  ];
  for (const [step, schema] of inside)
    if (isObject(schema)) yield* below({ pointer: `${pointer}/${step}`, value: schema });
}

const asObject = (value: unknown): Json => (isObject(value) ? value : {});

interface Body {
  readonly where: string;
  readonly type: string;
  readonly media: Json;
  readonly schema: Node;
}

/** What an operation takes and answers. */
function bodiesOf({ operationId, node }: ContractOperation): readonly Body[] {
  const request = asObject(node.value['requestBody']);
  const holders: (readonly [string, Node])[] = Object.keys(request).length
    ? [[`${operationId} takes`, { pointer: `${node.pointer}/requestBody`, value: request }]]
    : [];
  for (const [status, answer] of document.membersOf(node, 'responses'))
    holders.push([`${operationId} ${status}`, answer]);
  return holders.flatMap(([where, holder]) =>
    [...document.membersOf(holder, 'content')].map(([type, media]) => ({
      where,
      type,
      media: media.value,
      schema: { pointer: `${media.pointer}/schema`, value: asObject(media.value['schema']) },
    })),
  );
}

interface Linter {
  createConfig(config: { readonly rules: Readonly<Record<string, 'error'>> }): Promise<unknown>;
  lintFromString(options: { readonly source: string; readonly config: unknown }): Promise<
    readonly {
      readonly message: string;
      readonly location: readonly { readonly pointer?: string | undefined }[];
    }[]
  >;
}

/** What is wrong with an OpenAPI document, by the linter that the generator of the types comes with. */
async function problemsOf(source: string): Promise<readonly string[]> {
  const generator = createRequire(join(packageRoot(), 'package.json')).resolve(
    'openapi-typescript/package.json',
  );
  const linter = createRequire(generator)('@redocly/openapi-core') as Linter;
  const rules = {
    struct: 'error',
    'no-unresolved-refs': 'error',
    'no-identical-paths': 'error',
    'operation-operationId-unique': 'error',
    'operation-parameters-unique': 'error',
    'path-parameters-defined': 'error',
    'security-defined': 'error',
  } as const;
  const problems = await linter.lintFromString({ source, config: await linter.createConfig({ rules }) });
  return problems.map(({ message, location }) => `${location[0]?.pointer ?? ''}: ${message}`);
}

describe('openapi.yaml', () => {
  it('is valid OpenAPI 3.1', async () => {
    const text = readFileSync(join(packageRoot(), 'openapi.yaml'), 'utf8');
    expect(await problemsOf(text)).toEqual([]);
    expect(await problemsOf(text.replace('operationId: ping\n', 'operationName: ping\n'))).not.toEqual([]);
  }, 60_000);

  it('says the type of every value', () => {
    const says = ['type', '$ref', 'oneOf', 'anyOf', 'allOf', 'const', 'enum'];
    const untyped = [...schemas()].filter(({ value }) => !says.some((word) => word in value));
    expect(untyped.map(({ pointer }) => pointer)).toEqual([]);
  });

  it('says of every object whether there may be more in it, and of what is answered that there is not', () => {
    const open = [...schemas()].filter(
      ({ pointer, value }) =>
        [value['type']].flat().includes('object') &&
        !('additionalProperties' in value) &&
        !('unevaluatedProperties' in value) &&
        // Parts of a shape, closed by the whole.
        !/\/allOf\/\d+$/.test(pointer) &&
        pointer !== '/components/schemas/AppFields',
    );
    expect(open.map(({ pointer }) => pointer)).toEqual([]);
    const lenient = new Set<string>();
    const visit = (node: Node, where: string): void => {
      for (const { pointer, value } of below(node)) {
        const reference = value['$ref'];
        if (value['additionalProperties'] === true) lenient.add(pointer);
        if (typeof reference !== 'string' || seen.has(reference)) continue;
        seen.add(reference);
        visit(document.at(reference.slice(1)), where);
      }
    };
    const seen = new Set<string>();
    for (const operation of document.operations)
      for (const { where, schema } of bodiesOf(operation))
        if (!where.endsWith(' takes')) visit(schema, where);
    expect([...lenient].sort()).toEqual([
      '/components/schemas/AnyValue',
      '/components/schemas/AnyValue/items',
      '/components/schemas/OpenApiDocument',
    ]);
  });

  it('describes every operation and every parameter', () => {
    const bare = document.operations.flatMap(({ operationId, path, node }) => {
      const item = document.at(pointerOf('paths', path));
      const parameters = [...parametersOf(node), ...parametersOf(item)];
      const nameless = parameters.filter(({ value }) => typeof value['description'] !== 'string');
      const missing = ['summary', 'description'].filter((word) => typeof node.value[word] !== 'string');
      return [
        ...missing.map((word) => `${operationId}: ${word}`),
        ...nameless.map(({ value }) => `${operationId}: ${String(value['name'])}`),
        ...[...document.membersOf(node, 'responses')]
          .filter(([, { value }]) => typeof value['description'] !== 'string')
          .map(([status]) => `${operationId} ${status}`),
      ];
    });
    expect(bare).toEqual([]);
  });

  it('names every part of a path as a parameter, and no other', () => {
    for (const { path, node, operationId } of document.operations) {
      const named = [...parametersOf(node), ...parametersOf(document.at(pointerOf('paths', path)))]
        .filter(({ value }) => value['in'] === 'path')
        .map(({ value }) => value['name']);
      const parts = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      expect([operationId, named.sort()]).toEqual([operationId, parts.sort()]);
    }
  });

  it('shows an example of every JSON that is taken or answered, and each is of its own shape', () => {
    const missing: string[] = [];
    for (const operation of document.operations) {
      for (const { where, type, media, schema } of bodiesOf(operation)) {
        if (!type.endsWith('json') || operation.operationId === 'getOpenApiJson') continue;
        const example = exampleOf(document, media);
        if (example === undefined) missing.push(`${where} ${type}`);
        else expect([where, checker.shape(schema.pointer, example)]).toEqual([where, []]);
      }
    }
    // There are no pods to be shown.
    expect(missing.filter((where) => !/pod/i.test(where))).toEqual([]);
    const wrong = [...schemas()].flatMap(({ pointer, value }) =>
      ((value['examples'] ?? []) as readonly unknown[]).flatMap((example) => checker.shape(pointer, example)),
    );
    expect(wrong).toEqual([]);
  });

  it('names every error code of the registry by its status, and no others', () => {
    const said = new Set<string>();
    for (const { operationId, node } of document.operations) {
      for (const [status, answer] of document.membersOf(node, 'responses')) {
        if (Number(status) < 400 || operationId === 'probePods') continue;
        const codes = answer.value['x-error-codes'];
        expect([operationId, status, Array.isArray(codes)]).toEqual([operationId, status, true]);
        for (const code of codes as readonly string[]) said.add(`${status} ${code}`);
      }
    }
    const known = Object.entries(errors).map(([code, { status }]) => `${status} ${code}`);
    expect([...said].sort()).toEqual(known.sort());
  });
});

function parametersOf(node: Node): readonly Node[] {
  const list = (node.value['parameters'] ?? []) as readonly Json[];
  return list.map((value, index) =>
    document.follow({ pointer: `${node.pointer}/parameters/${index}`, value }),
  );
}

interface Layer {
  readonly slash: boolean;
  match(path: string): boolean;
}

describe('the routes of the service', () => {
  const fill: Readonly<Record<string, string>> = { file: 'page.js', version: '2026-01-01T00:00:00.000Z' };
  const filled = (path: string): string => path.replace(/\{(\w+)\}/g, (_, name: string) => fill[name] ?? 'a');

  it('are those of openapi.yaml: each path is mounted, and nothing is mounted that is no path', async () => {
    const world = await new ApiWorld().start({ auth: await makeAuth({ required: false }) });
    try {
      const layers = (world.listener as Express).router.stack as unknown as Layer[];
      const mounted = layers.filter(({ slash }) => !slash);
      const paths = [...new Set(inApi.map(({ path }) => filled(path)))];
      expect(mounted.length).toBeGreaterThan(15);
      expect(paths.filter((path) => !mounted.some((layer) => layer.match(path)))).toEqual([]);
      const known = [...paths, '/v2'];
      expect(mounted.filter((layer) => !known.some((path) => layer.match(path)))).toEqual([]);
    } finally {
      await world.stop();
    }
  });

  it('have the methods of openapi.yaml, and no others', async () => {
    const world = await new ApiWorld().start({ auth: await makeAuth({ required: false }) });
    try {
      for (const path of new Set(inApi.map((operation) => operation.path))) {
        const allow = (await world.ask('OPTIONS', filled(path))).headers['allow'] ?? '';
        const served = allow.split(', ').filter((method) => method !== 'HEAD' && method !== 'OPTIONS');
        // DELETE .../restart is Marathon's way of saying 404.
        const real = served.filter((method) => method !== 'DELETE' || !path.endsWith('/restart'));
        const said = inApi.filter((one) => one.path === path && one.method !== 'head');
        expect([path, real.sort()]).toEqual([path, said.map(({ method }) => method.toUpperCase()).sort()]);
      }
    } finally {
      await world.stop();
    }
  });

  it('are those of the table of rights', () => {
    // Forms of one path that differ only in how the id ends.
    const plain = (path: string): string => path.replace(/\{[+*]/g, '{').replace(/::\w+(\/\{\w+\})?$/, '');
    const said = new Set(
      inApi
        .filter(({ method }) => method !== 'head')
        .map(({ method, path }) => `${method.toUpperCase()} ${plain(path)}`),
    );
    const special = new Set([
      // Those of the root group, where the id in `{groupId}` is empty.
      'GET /v2/apps/*',
      'GET /v2/apps/*/tasks',
      'DELETE /v2/apps/{appId}/restart',
      'GET /docs',
    ]);
    const ruled = accessTable
      .map(({ method, pattern }) => `${method} ${plain(pattern)}`)
      .filter((row) => !special.has(row));
    expect([...said].filter((row) => !special.has(row)).sort()).toEqual([...new Set(ruled)].sort());
  });
});

describe('the check of every answer', () => {
  const json = { 'content-type': 'application/json' };
  const leader = (more: Partial<SeenAnswer>): readonly string[] =>
    checker.judge({
      method: 'GET',
      path: '/v2/leader',
      status: 200,
      headers: json,
      body: Buffer.from('{"leader":"a:1"}'),
      ...more,
    }).findings;

  it.each<[string, Partial<SeenAnswer>, RegExp]>([
    ['an unwritten field', { body: Buffer.from('{"leader":"a:1","since":1}') }, /since/],
    ['a missing field', { body: Buffer.from('{}') }, /leader/],
    ['no body where there is one', { body: Buffer.alloc(0) }, /empty/],
    ['an unwritten status', { status: 418 }, /418/],
    ['an unwritten header', { headers: { ...json, 'x-more': '1' } }, /x-more/],
    ['another media type', { headers: { 'content-type': 'text/plain' } }, /text\/plain/],
    ['a path that is not written', { path: '/v2/leaders' }, /no such path/],
    ['a method that is not written', { method: 'PUT' }, /no such method/],
    ['a 405 that does not say what is allowed', { method: 'PUT', status: 405 }, /Allow/],
    [
      'an error code of another status',
      { status: 404, body: Buffer.from('{"message":"x","code":"app-locked"}') },
      /app-locked/,
    ],
  ])('finds %s', (_what, more, finding) => {
    expect(leader(more).join('\n')).toMatch(finding);
  });

  it('finds nothing in what is written', () => {
    expect(leader({})).toEqual([]);
    expect(leader({ headers: { ...json, 'x-request-id': 'a', date: 'now' } })).toEqual([]);
  });

  it('lets members be missing only where the client asked for some of them', () => {
    const apps = (path: string): readonly string[] =>
      leader({ path, body: Buffer.from('{"apps":[{"id":"/a"}]}') });
    expect(apps('/v2/apps').length).toBeGreaterThan(0);
    expect(apps('/v2/apps?fields=id')).toEqual([]);
  });

  it('is made by the tests of the API: an answer with more than the contract fails the test that asked', async () => {
    const metrics = Object.assign(new FakeMetrics(), { toJson: () => ({ more: 1 }) });
    const world = await new ApiWorld().start({ metrics });
    await expect(world.ask('GET', '/metrics')).rejects.toThrow(/openapi\.yaml does not say/);
    await world.stop();
  });
});
