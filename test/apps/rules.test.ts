import { refusedContainers } from './conformance/container-rules.js';
import { app, constraint, none, refused, single } from './conformance/rules.js';
import { unsupported } from './conformance/unsupported.js';
import { refusedVolumes } from './conformance/volume-rules.js';
import { AppWorld, findings, refusal } from './support/app-world.js';

describe('a definition is refused, with the path and what is wrong there, for', () => {
  it.each([...refused, ...refusedContainers, ...refusedVolumes])('%s', async (_what, body, expected) => {
    const world = new AppWorld();
    const error = await refusal(() => world.post(body));
    expect({ status: error.status, message: error.message }).toEqual({
      status: 422,
      message: 'Object is not valid',
    });
    expect(findings(error)).toEqual(expected);
    expect(error.details).toEqual(
      (error.details as object[]).map(() =>
        expect.objectContaining({ code: expect.any(String), hint: expect.stringMatching(/./) }),
      ),
    );
    expect(world.registry.size).toBe(0);
  });
});

describe('a definition that breaks no rule is refused for what longrun cannot run yet:', () => {
  it.each(unsupported)('%s', async (_what, body, paths, named) => {
    const world = new AppWorld();
    const error = await refusal(() => world.post(body));
    expect({ status: error.status, code: error.code, message: error.message }).toEqual({
      status: 422,
      code: 'unsupported',
      message: `This definition needs what longrun cannot run yet: ${named}`,
    });
    expect(Object.keys(findings(error)).sort()).toEqual([...paths].sort());
    expect(error.details).toEqual(
      (error.details as object[]).map(() =>
        expect.objectContaining({ code: 'unsupported', hint: expect.stringMatching(/./) }),
      ),
    );
    expect(world.registry.size).toBe(0);
  });
});

describe('a definition is accepted with', () => {
  it.each([
    ['a command of one character', app({ cmd: 'x' })],
    ['args alone', { id: '/a', args: ['sleep', '1'] }],
    ['no ports at all', app({ portDefinitions: [] })],
    ['no instances', app({ instances: 0 })],
    ['a lower-case operator', constraint('rack', 'unique')],
    ['GROUP_BY without a value', constraint('rack', 'GROUP_BY')],
    ['GROUP_BY inf', constraint('rack', 'GROUP_BY', 'inf')],
    ['CLUSTER without a value', constraint('rack', 'CLUSTER')],
    ['a repetition in a group that is not repeated', constraint('rack', 'LIKE', '(rack-[0-9]+)?x*\\(+')],
    ['a group repeated a fixed number of times', constraint('rack', 'LIKE', '(a+){3}')],
    ['IS a number', constraint('rack', 'IS', '1.0')],
    [
      'a check that names its port',
      app({ portDefinitions: [], healthChecks: [{ protocol: 'TCP', port: 80 }] }),
    ],
    ['a dependency that does not exist', app({ dependencies: ['/nowhere'] })],
    ['an explicit default role', app({ role: '*', acceptedResourceRoles: ['*'] })],
    ['the command executor by name', app({ executor: '//cmd' })],
    ['ports that say what portDefinitions say', app({ ports: [80], portDefinitions: [{ port: 80 }] })],
    ['a single instance without capacities', app({ labels: single, upgradeStrategy: none })],
    [
      'everything unsupported at its default',
      app({
        container: null,
        check: null,
        executorResources: null,
        fetch: [],
        secrets: {},
        gpus: 0,
        networks: [{ mode: 'host' }],
        executor: '',
        residency: null,
        uris: [],
        ipAddress: null,
        tty: false,
      }),
    ],
    ['a container that is nothing but a process', app({ container: { type: 'MESOS' } })],
    ['limits at least as high as what is asked for', app({ resourceLimits: { cpus: 1, mem: 'unlimited' } })],
    ['residency, which has no effect', app({ residency: { taskLostBehavior: 'WAIT_FOREVER' } })],
    ['an image’s port mappings that host networking leaves unused', app({ ports: [0], container: null })],
    [
      'fields nobody knows',
      app({ storeUrls: [], tasksRunning: 3, tasks: [], lastTaskFailure: {}, deployments: [] }),
    ],
  ])('%s', async (_what, body) => {
    await expect(new AppWorld().post(body)).resolves.toBeDefined();
  });
});
