import { csi, docker, dvdi, persistent, volumes } from './builders.js';
import { app, type RefusedRow } from './rules.js';

const first = '/container/volumes(0)';
const noStar = { '/role': ['Resident apps cannot have the role *'] };
const constraints = (...list: string[][]): Record<string, unknown> =>
  volumes(persistent({ type: 'path', constraints: list }));

/** Marathon reference 2.4: volumes, and what they ask of the rest of the app. */
export const refusedVolumes: readonly RefusedRow[] = [
  // Volumes.
  [
    'a volume of no kind',
    volumes({ containerPath: '/x', mode: 'RW' }),
    { [first]: ['Unknown app volume type'] },
  ],
  [
    'a volume of two kinds',
    volumes({ containerPath: 'x', mode: 'RW', hostPath: '/y', persistent: { size: 1 } }),
    { [first]: ['Unknown app volume type'], ...noStar },
  ],
  [
    'a volume without mode',
    volumes({ containerPath: '/x', hostPath: '/y' }),
    { [`${first}/mode`]: ['not defined'] },
  ],
  [
    'two volumes of one name',
    volumes(
      { containerPath: '/x', hostPath: '/y', mode: 'RO' },
      { containerPath: '/x', hostPath: '/z', mode: 'RO' },
    ),
    { '/container/volumes': ['Volume names must be unique'] },
  ],
  [
    'a secret volume from nowhere',
    volumes({ containerPath: '/x', secret: 's' }),
    { [`${first}/secret`]: ['volume.secret must refer to an existing secret'] },
  ],
  [
    'a persistent volume below another folder',
    volumes(persistent({}, { containerPath: 'a/b' })),
    { [`${first}/containerPath`]: ['value must not contain "/"'], ...noStar },
  ],
  [
    'a persistent volume in the place of the sandbox',
    volumes(persistent({}, { containerPath: '..' })),
    { [`${first}/containerPath`]: ['can not be one of (.,..)'], ...noStar },
  ],
  [
    'a persistent volume that cannot be written',
    volumes(persistent({}, { mode: 'RO' })),
    { [`${first}/mode`]: ['got RO, expected RW'], ...noStar },
  ],
  [
    'a root volume with a greatest size',
    volumes(persistent({ maxSize: 20 })),
    { [`${first}/persistent/maxSize`]: ['Only mount volumes can have maxSize'], ...noStar },
  ],
  [
    'a greatest size no greater than the size',
    volumes(persistent({ profileName: 'ssd', maxSize: 10 })),
    { [`${first}/persistent/maxSize`]: ['Max size must be larger than size'], ...noStar },
  ],
  [
    'a root volume with constraints',
    volumes(persistent({ constraints: [['path', 'LIKE', '/x']] })),
    { [`${first}/persistent/constraints`]: ['Constraints on root volumes are not supported'], ...noStar },
  ],
  ...(
    [
      ['Missing field and operator', ['path']],
      ['unknown constraint operator NEAR', ['path', 'NEAR', 'x']],
      ['Operator must be one of LIKE, UNLIKE', ['path', 'UNIQUE']],
      ['Unsupported constraint rack,LIKE,x', ['rack', 'LIKE', 'x']],
      ['Invalid regular expression', ['path', 'LIKE', '(']],
    ] as const
  ).map(
    ([text, parts]): RefusedRow => [
      `a volume constraint: ${text}`,
      constraints([...parts]),
      { [`${first}/persistent/constraints(0)`]: [text], ...noStar },
    ],
  ),
  [
    'an unknown provider',
    volumes(dvdi({ provider: 'nfs' })),
    { [`${first}/external/provider`]: ['is unknown provider'] },
  ],
  [
    'a DVDI volume without name and driver',
    volumes(dvdi({ name: null, options: {} })),
    {
      [`${first}/external/name`]: ['not defined'],
      [`${first}/external/options/"dvdi/driver"`]: ['not defined'],
    },
  ],
  [
    'several writers of a DVDI volume',
    { ...volumes(dvdi()), instances: 2 },
    { '/instances': ['Number of instances is limited to 1 when declaring DVDI volumes in app [/a]'] },
  ],
  [
    'a DVDI volume twice',
    volumes(dvdi(), { ...dvdi(), containerPath: 'more' }),
    { '/container/volumes': ["Requested DVDI volume 'x' is declared more than once within app /a"] },
  ],
  [
    'options and a size that the Docker engine does not take',
    app({
      container: docker(
        {},
        { volumes: [dvdi({ size: 1, options: { 'dvdi/driver': 'r', 'dvdi/iops': '1' } })] },
      ),
    }),
    {
      [`${first}/external/options`]: ['must only contain dvdi/driver'],
      [`${first}/external/size`]: ['must be undefined for Docker containers'],
    },
  ],
  [
    'a DVDI volume that two may hold for a moment',
    { ...volumes(dvdi()), upgradeStrategy: { minimumHealthCapacity: 1, maximumOverCapacity: 0.5 } },
    { '/upgradeStrategy/maximumOverCapacity': ['got 0.5, expected 0.0'] },
  ],
  [
    'a CSI volume of nothing',
    volumes(csi({})),
    {
      [`${first}/external/options/pluginName`]: ['not defined'],
      [`${first}/external/options/capability`]: ['not defined'],
    },
  ],
  [
    'a CSI volume of unknown access',
    volumes(csi({ pluginName: 'p', capability: { accessMode: 'ANY' } })),
    {
      [`${first}/external/options/capability/accessMode`]: [
        'got ANY, expected one of: [SINGLE_NODE_WRITER, SINGLE_NODE_READER_ONLY, MULTI_NODE_READER_ONLY, MULTI_NODE_SINGLE_WRITER, MULTI_NODE_MULTI_WRITER]',
      ],
      [`${first}/external/options/capability/accessType`]: ['not defined'],
    },
  ],
  [
    'a CSI block device with a file system',
    volumes(
      csi({
        pluginName: 'p',
        capability: { accessMode: 'SINGLE_NODE_WRITER', accessType: 'block', fsType: 'ext4' },
      }),
    ),
    { [`${first}/external/options/capability`]: ['must be empty for block devices'] },
  ],
  // Residents.
  ['persistent volumes for the role of everybody', volumes(persistent()), noStar],
  [
    'a resident app that is given up',
    { ...volumes(persistent()), unreachableStrategy: {} },
    { '/unreachableStrategy': ['unreachableStrategy must be disabled for resident tasks'], ...noStar },
  ],
  [
    'a resident app that starts before it stops',
    { ...volumes(persistent()), upgradeStrategy: { minimumHealthCapacity: 1, maximumOverCapacity: 1 } },
    { '/upgradeStrategy/maximumOverCapacity': ['got 1.0, expected 0.0'], ...noStar },
  ],
];
