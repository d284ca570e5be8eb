import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadContract, type SchemaName } from '../../src/api/contract/load-contract.js';
import { MAX_SHAPE_DETAILS, marathonPath } from '../../src/api/contract/shape-errors.js';
import { contract, root } from './support/app-world.js';

const shapeOf = (name: SchemaName, body: unknown): Record<string, readonly string[]> =>
  Object.fromEntries(contract.check(name, body).map(({ path, errors }) => [path, errors]));

describe('the contract', () => {
  it('is what the generated types were made from', () => {
    const command = join(root, 'node_modules/.bin/openapi-typescript');
    const flags = ['--immutable', '--default-non-nullable=false'];
    const made = execFileSync(command, [join(root, 'openapi.yaml'), ...flags], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    expect(readFileSync(join(root, 'src/api/contract/types.gen.ts'), 'utf8')).toBe(made);
  });

  it('names an operation id for every route, each once', () => {
    const ids = contract.routes.map((route) => route.operationId);
    expect(new Set(ids).size).toBe(ids.length);
    expect(contract.routes).toContainEqual({ method: 'POST', path: '/v2/apps', operationId: 'createApp' });
  });

  it('says which file it cannot read', async () => {
    await expect(loadContract('/nowhere/openapi.yaml')).rejects.toThrow('/nowhere/openapi.yaml');
  });

  const wrongShapes: readonly (readonly [string, unknown, Record<string, readonly string[]>])[] = [
    ['no id', {}, { '/id': ["'id' is undefined on object: {}"] }],
    ['an id that is a number', { id: 1 }, { '/id': ['error.expected.jsstring'] }],
    ['a body that is an array', [], { '/': ['error.expected.jsobject'] }],
    ['a body that is null', null, { '/': ['error.expected.jsobject'] }],
    ['a body that is text', 'x', { '/': ['error.expected.jsobject'] }],
    ['an empty command', { id: 'a', cmd: '' }, { '/cmd': ['error.minLength'] }],
    ['cpus as text', { id: 'a', cpus: '1' }, { '/cpus': ['error.expected.jsnumber'] }],
    ['cpus below the least', { id: 'a', cpus: 0.0009 }, { '/cpus': ['error.min'] }],
    ['memory below none', { id: 'a', mem: -1 }, { '/mem': ['error.min'] }],
    ['endless memory', { id: 'a', mem: Number.POSITIVE_INFINITY }, { '/mem': ['error.expected.jsnumber'] }],
    ['half an instance', { id: 'a', instances: 1.5 }, { '/instances': ['error.expected.int'] }],
    ['instances as text', { id: 'a', instances: '2' }, { '/instances': ['error.expected.jsnumber'] }],
    ['fewer than no instances', { id: 'a', instances: -1 }, { '/instances': ['error.min'] }],
    [
      'more instances than an integer holds',
      { id: 'a', instances: 2 ** 31 },
      { '/instances': ['error.expected.int'] },
    ],
    ['a flag as text', { id: 'a', requirePorts: 'yes' }, { '/requirePorts': ['error.expected.jsboolean'] }],
    ['args as text', { id: 'a', args: 'x' }, { '/args': ['error.expected.jsarray'] }],
    ['an argument that is null', { id: 'a', args: [null] }, { '/args(0)': ['error.expected.jsstring'] }],
    ['labels as an array', { id: 'a', labels: [] }, { '/labels': ['error.expected.jsobject'] }],
    [
      'a label that is a number',
      { id: 'a', labels: { 'x/y': 1 } },
      { '/labels/"x/y"': ['error.expected.jsstring'] },
    ],
    ['a label that is null', { id: 'a', labels: { x: null } }, { '/labels/x': ['error.expected.jsstring'] }],
    ['a variable that is a number', { id: 'a', env: { '0': 1 } }, { '/env/0': ['error.expected.jsstring'] }],
    [
      'a secret without a name',
      { id: 'a', env: { A: {} } },
      { '/env/A/secret': ["'secret' is undefined on object: {}"] },
    ],
    [
      'a port too high',
      { id: 'a', portDefinitions: [{ port: 65536 }] },
      { '/portDefinitions(0)/port': ['error.max'] },
    ],
    [
      'a port name in capitals',
      { id: 'a', portDefinitions: [{ name: 'A' }] },
      { '/portDefinitions(0)/name': ['error.pattern'] },
    ],
    [
      'an unknown protocol',
      { id: 'a', portDefinitions: [{ protocol: 'sctp' }] },
      { '/portDefinitions(0)/protocol': ['error.unknown.enum.literal'] },
    ],
    ['a deprecated port below none', { id: 'a', ports: [-1] }, { '/ports(0)': ['error.min'] }],
    [
      'an unknown check protocol',
      { id: 'a', healthChecks: [{ protocol: 'GRPC' }] },
      { '/healthChecks(0)/protocol': ['error.unknown.enum.literal'] },
    ],
    [
      'a check without rest',
      { id: 'a', healthChecks: [{ intervalSeconds: 0 }] },
      { '/healthChecks(0)/intervalSeconds': ['error.min'] },
    ],
    [
      'a check that is null',
      { id: 'a', healthChecks: [null] },
      { '/healthChecks(0)': ['error.expected.jsobject'] },
    ],
    [
      'a constraint as text',
      { id: 'a', constraints: ['x'] },
      { '/constraints(0)': ['error.expected.jsarray'] },
    ],
    ['a backoff factor below 1', { id: 'a', backoffFactor: 0.5 }, { '/backoffFactor': ['error.min'] }],
    [
      'a capacity above 1',
      { id: 'a', upgradeStrategy: { minimumHealthCapacity: 1.1, maximumOverCapacity: 0 } },
      { '/upgradeStrategy/minimumHealthCapacity': ['error.max'] },
    ],
    [
      'half an upgrade strategy',
      { id: 'a', upgradeStrategy: { minimumHealthCapacity: 1 } },
      {
        '/upgradeStrategy/maximumOverCapacity': [
          '\'maximumOverCapacity\' is undefined on object: {"minimumHealthCapacity":1}',
        ],
      },
    ],
    [
      'a deadline of none',
      { id: 'a', upgradeStrategy: { minimumHealthCapacity: 1, maximumOverCapacity: 1, deadlineSeconds: 0 } },
      { '/upgradeStrategy/deadlineSeconds': ['error.min'] },
    ],
    [
      'an unknown onFailure',
      { id: 'a', upgradeStrategy: { minimumHealthCapacity: 1, maximumOverCapacity: 1, onFailure: 'panic' } },
      { '/upgradeStrategy/onFailure': ['error.unknown.enum.literal'] },
    ],
    [
      'an unknown unreachable strategy',
      { id: 'a', unreachableStrategy: 'never' },
      { '/unreachableStrategy': ['error.unknown.enum.literal'] },
    ],
    [
      'an unreachable strategy of a wrong type',
      { id: 'a', unreachableStrategy: 7 },
      { '/unreachableStrategy': ['error.expected.jsstring'] },
    ],
    [
      'an unreachable time below none',
      { id: 'a', unreachableStrategy: { expungeAfterSeconds: -1 } },
      { '/unreachableStrategy/expungeAfterSeconds': ['error.min'] },
    ],
    [
      'an unknown kill selection',
      { id: 'a', killSelection: 'ANY' },
      { '/killSelection': ['error.unknown.enum.literal'] },
    ],
    [
      'a drain below none',
      { id: 'a', loadBalancer: { drainSeconds: -1 } },
      { '/loadBalancer/drainSeconds': ['error.min'] },
    ],
    [
      'two findings at once',
      { id: 'a', cpus: 0, mem: 'x' },
      { '/cpus': ['error.min'], '/mem': ['error.expected.jsnumber'] },
    ],
  ];
  it.each(wrongShapes)('tells Marathon’s path and text for %s', (_what, body, expected) => {
    expect(shapeOf('AppInput', body)).toEqual(expected);
  });

  it('names elements of a bulk request by their place', () => {
    expect(shapeOf('AppUpdateList', [{ id: 'a' }, { cpus: 0 }])).toEqual({ '/(1)/cpus': ['error.min'] });
  });

  it('takes null for absent in every field of an app', () => {
    const fields = [
      'cmd',
      'args',
      'user',
      'env',
      'instances',
      'cpus',
      'mem',
      'disk',
      'gpus',
      'executor',
      'executorResources',
      'resourceLimits',
      'constraints',
      'acceptedResourceRoles',
      'role',
      'container',
      'networks',
      'portDefinitions',
      'requirePorts',
      'ports',
      'ipAddress',
      'uris',
      'fetch',
      'healthChecks',
      'check',
      'readinessChecks',
      'backoffSeconds',
      'backoffFactor',
      'maxLaunchDelaySeconds',
      'taskKillGracePeriodSeconds',
      'dependencies',
      'upgradeStrategy',
      'unreachableStrategy',
      'killSelection',
      'labels',
      'secrets',
      'tty',
      'residency',
      'loadBalancer',
      'version',
    ];
    const body = { id: 'a', ...Object.fromEntries(fields.map((field) => [field, null])) };
    expect(shapeOf('AppInput', body)).toEqual({});
  });

  it('lists at most so many findings, and only the first of a huge body', () => {
    const wrong = (count: number): unknown => ({ id: 'a', args: Array.from({ length: count }, () => 1) });
    expect(contract.check('AppInput', wrong(1000))).toHaveLength(MAX_SHAPE_DETAILS);
    expect(contract.check('AppInput', wrong(100_000))).toHaveLength(1);
  });

  it('never prints a huge object whole', () => {
    const [detail] = contract.check('AppInput', {
      cmd: 'x'.repeat(1_000_000),
      env: { A: 'y'.repeat(1_000_000) },
    });
    expect(detail?.errors.join().length).toBeLessThan(300);
  });

  it('forbids what is not written in what is answered', () => {
    expect(
      shapeOf('DeploymentResult', { version: '2026-01-01T00:00:00.000Z', deploymentId: 'x', more: 1 }),
    ).not.toEqual({});
    expect(shapeOf('VersionList', { versions: ['2026-01-01'] })).toEqual({
      '/versions(0)': ['error.pattern'],
    });
  });

  it('tells array elements from members whose names are digits', () => {
    expect(marathonPath(['a', '0', 'b'], { a: [{ b: 1 }] })).toBe('/a(0)/b');
    expect(marathonPath(['a', '0', 'b'], { a: { '0': { b: 1 } } })).toBe('/a/0/b');
    expect(marathonPath([], {})).toBe('/');
  });
});
