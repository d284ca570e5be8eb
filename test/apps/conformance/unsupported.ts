import { docker, mesos } from './builders.js';
import { app } from './rules.js';

/** A definition that breaks no rule and cannot be run yet: where it is told, and what the sentence names. */
export type UnsupportedRow = readonly [
  what: string,
  body: Record<string, unknown>,
  paths: readonly string[],
  named: string,
];

const command = { protocol: 'COMMAND', command: { value: 'x' } };

export const unsupported: readonly UnsupportedRow[] = [
  [
    'several networks with an image',
    app({
      container: { ...docker(), type: 'MESOS' },
      networks: [
        { mode: 'container', name: 'a' },
        { mode: 'container', name: 'b' },
      ],
    }),
    ['/networks(1)'],
    'networks other than the host’s',
  ],
  [
    'a seccomp profile with an image',
    app({ container: { ...docker(), linuxInfo: { seccomp: { profileName: 'p', unconfined: false } } } }),
    ['/container/linuxInfo/seccomp'],
    'seccomp and IPC settings',
  ],
  [
    'a network by its name without an image',
    app({ networks: [{ mode: 'container', name: 'dcos' }] }),
    ['/networks(0)/mode'],
    'networks other than the host’s',
  ],
  [
    'the deprecated ipAddress',
    app({ ipAddress: { networkName: 'x' } }),
    ['/networks(0)/mode'],
    'networks other than the host’s',
  ],
  [
    'a named volume',
    app({ container: mesos({ volumes: [{ containerPath: '/x', hostPath: 'y', mode: 'RO' }] }) }),
    ['/container/volumes(0)/hostPath'],
    'named volumes',
  ],
  [
    'seccomp',
    app({ container: mesos({ linuxInfo: { seccomp: { unconfined: true } } }) }),
    ['/container/linuxInfo'],
    'seccomp and IPC settings',
  ],
  ['a container without command', { id: '/a', container: mesos() }, ['/cmd'], 'containers without a command'],
  [
    'something to fetch from elsewhere',
    app({ fetch: [{ uri: 'http://a/x' }, { uri: 'hdfs://a/x' }] }),
    ['/fetch(1)/uri'],
    'files that are neither of http, https nor of the host',
  ],
  [
    'uris of elsewhere',
    app({ uris: ['s3://a/x'] }),
    ['/fetch(0)/uri'],
    'files that are neither of http, https nor of the host',
  ],
  ['a GPU', app({ gpus: 1 }), ['/gpus'], 'GPUs'],
  ['a terminal without an image', app({ tty: true }), ['/tty'], 'terminals of plain processes'],
  ['an executor', app({ executor: '/bin/x' }), ['/executor'], 'executors of your own'],
  ['needs of an executor', app({ executorResources: {} }), ['/executorResources'], 'executors of your own'],
  [
    'two checks by the agent',
    app({ healthChecks: [{}, command, { protocol: 'MESOS_HTTP' }] }),
    ['/healthChecks'],
    'more than one health check by the agent',
  ],
  [
    'several at once',
    app({ gpus: 1, tty: true, networks: [{ mode: 'container', name: 'x' }] }),
    ['/networks(0)/mode', '/gpus', '/tty'],
    'networks other than the host’s, GPUs, terminals of plain processes',
  ],
];
