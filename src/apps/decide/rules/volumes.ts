import { jvmDouble } from '../jvm-double.js';
import type { VolumeInput } from '../normalize-container.js';
import { constraintOperators } from '../validate-constraint.js';
import type { Finding, Rule } from './rule.js';

type OptionsInput = NonNullable<NonNullable<VolumeInput['external']>['options']>;

const kinds = ['hostPath', 'persistent', 'external', 'secret'] as const;
const isGiven = (value: unknown): boolean => value !== null && value !== undefined;

/** Every volume is of exactly one kind, and right by the rules of that kind. */
export const volumes: Rule = function* (draft, input) {
  const given = input.container?.volumes ?? [];
  const isDocker = draft.container?.type === 'DOCKER';
  for (const [index, volume] of given.entries()) {
    const path = `/container/volumes(${index})`;
    const found = kinds.filter((kind) => isGiven(volume[kind]));
    if (found.length !== 1) {
      const hint = 'Give exactly one of `hostPath`, `persistent`, `external` and `secret`.';
      yield [path, 'Unknown app volume type', 'volume', hint];
      continue;
    }
    if (!volume.secret && !volume.mode) {
      yield [`${path}/mode`, 'not defined', 'volume', 'RO or RW.'];
    }
    yield* persistentVolume(volume, path);
    yield* externalVolume(volume, path, isDocker);
  }
  const paths = given.map(({ containerPath }) => containerPath);
  if (new Set(paths).size !== paths.length) {
    const hint = 'Give every volume a `containerPath` of its own.';
    yield ['/container/volumes', 'Volume names must be unique', 'duplicate', hint];
  }
};

function* persistentVolume(
  { persistent, containerPath, mode }: VolumeInput,
  path: string,
): Iterable<Finding> {
  if (!persistent) return;
  if (containerPath.includes('/')) {
    const hint = 'One name, relative to the sandbox.';
    yield [`${path}/containerPath`, 'value must not contain "/"', 'volume', hint];
  }
  if (containerPath === '.' || containerPath === '..') {
    yield [`${path}/containerPath`, 'can not be one of (.,..)', 'volume', 'Any other name.'];
  }
  if (mode === 'RO') {
    yield [`${path}/mode`, 'got RO, expected RW', 'volume', 'The volume begins empty, so it must be RW.'];
  }
  yield* persistentFindings(persistent, `${path}/persistent`);
}

/** The size and kind of a persistent volume, of an app or a pod. */
export function* persistentFindings(
  persistent: NonNullable<VolumeInput['persistent']>,
  at: string,
): Iterable<Finding> {
  const type = persistent.type ?? (persistent.profileName ? 'mount' : 'root');
  if (isGiven(persistent.maxSize)) {
    if (type !== 'mount') {
      yield [`${at}/maxSize`, 'Only mount volumes can have maxSize', 'volume', 'Leave `maxSize` out.'];
    } else if ((persistent.maxSize ?? 0) <= persistent.size) {
      yield [`${at}/maxSize`, 'Max size must be larger than size', 'contradiction', 'In MiB, as `size`.'];
    }
  }
  if (type === 'root' && persistent.constraints?.length) {
    const text = 'Constraints on root volumes are not supported';
    yield [`${at}/constraints`, text, 'volume', 'Use the type `path` or `mount`.'];
  }
  for (const [index, constraint] of (persistent.constraints ?? []).entries()) {
    const text = volumeConstraintProblem(constraint);
    const hint = '`["path", "LIKE", "<expression>"]` or UNLIKE.';
    if (text !== undefined) yield [`${at}/constraints(${index})`, text, 'constraint', hint];
  }
}

function volumeConstraintProblem(constraint: readonly string[]): string | undefined {
  const [field, operator, value] = constraint;
  if (field === undefined || operator === undefined) return 'Missing field and operator';
  const upper = operator.toUpperCase();
  if (!constraintOperators.has(upper)) return `unknown constraint operator ${operator.slice(0, 40)}`;
  if (upper !== 'LIKE' && upper !== 'UNLIKE') return 'Operator must be one of LIKE, UNLIKE';
  if (field !== 'path' || constraint.length !== 3 || value === undefined) {
    return `Unsupported constraint ${constraint.join(',').slice(0, 80)}`;
  }
  try {
    new RegExp(`^(?:${value})$`);
    return undefined;
  } catch {
    return 'Invalid regular expression';
  }
}

function* externalVolume({ external }: VolumeInput, path: string, isDocker: boolean): Iterable<Finding> {
  if (!external) return;
  const at = `${path}/external`;
  if (external.provider !== 'dvdi' && external.provider !== 'csi') {
    yield [`${at}/provider`, 'is unknown provider', 'volume', '`dvdi` or `csi`.'];
    return;
  }
  if (!external.name) yield [`${at}/name`, 'not defined', 'volume', 'Every external volume has a name.'];
  const options = external.options ?? {};
  if (external.provider === 'csi') yield* csiOptions(options, `${at}/options`);
  else yield* dvdiOptions(options, `${at}/options`);
  if (external.provider === 'dvdi' && isDocker) {
    if (Object.keys(options).some((name) => name !== 'dvdi/driver')) {
      const hint = 'The Docker engine takes no other options.';
      yield [`${at}/options`, 'must only contain dvdi/driver', 'volume', hint];
    }
    if (isGiven(external.size)) {
      const hint = 'The volume must exist already.';
      yield [`${at}/size`, 'must be undefined for Docker containers', 'volume', hint];
    }
  }
}

function* dvdiOptions(options: OptionsInput, at: string): Iterable<Finding> {
  if (!options['dvdi/driver']) {
    yield [`${at}/"dvdi/driver"`, 'not defined', 'volume', 'Name the volume driver, e.g. `rexray`.'];
  }
  for (const [name, value] of Object.entries(options)) {
    if (typeof value === 'string' || !isGiven(value)) continue;
    yield [`${at}/${name}`, 'must be a text', 'volume', 'Options of DVDI volumes are texts.'];
  }
}

const accessModes: readonly string[] = [
  'SINGLE_NODE_WRITER',
  'SINGLE_NODE_READER_ONLY',
  'MULTI_NODE_READER_ONLY',
  'MULTI_NODE_SINGLE_WRITER',
  'MULTI_NODE_MULTI_WRITER',
];

function* csiOptions(options: OptionsInput, at: string): Iterable<Finding> {
  const { pluginName, capability } = options;
  if (typeof pluginName !== 'string' || pluginName === '')
    yield [`${at}/pluginName`, 'not defined', 'volume', 'Name the CSI plugin.'];
  if (typeof capability !== 'object' || capability === null) {
    const hint = '`{"accessMode": "SINGLE_NODE_WRITER", "accessType": "mount"}`.';
    yield [`${at}/capability`, 'not defined', 'volume', hint];
    return;
  }
  const { accessMode, accessType, fsType, mountFlags } = capability;
  if (typeof accessMode !== 'string' || !accessModes.includes(accessMode)) {
    const text = `got ${String(accessMode ?? 'nothing').slice(0, 40)}, expected one of: [${accessModes.join(', ')}]`;
    yield [`${at}/capability/accessMode`, text, 'volume', 'What the CSI specification knows.'];
  }
  if (accessType !== 'block' && accessType !== 'mount') {
    const text = isGiven(accessType)
      ? `got ${String(accessType).slice(0, 40)}, expected one of: [block, mount]`
      : 'not defined';
    yield [`${at}/capability/accessType`, text, 'volume', '`block` or `mount`.'];
  }
  if (accessType === 'block' && (isGiven(fsType) || isGiven(mountFlags))) {
    const hint = 'Leave `fsType` and `mountFlags` out: a block device is not mounted.';
    yield [`${at}/capability`, 'must be empty for block devices', 'contradiction', hint];
  }
}

/** What volumes ask of the rest of the app: one writer at a time, and data that is waited for. */
export const volumesOfApp: Rule = function* (draft) {
  const given = draft.container?.volumes ?? [];
  const dvdi = given.flatMap((volume) =>
    'external' in volume && volume.external.provider === 'dvdi' ? [volume.external] : [],
  );
  if (draft.instances > 1 && dvdi.some(({ shared }) => !shared)) {
    const text = `Number of instances is limited to 1 when declaring DVDI volumes in app [${draft.id}]`;
    yield ['/instances', text, 'volume', 'Keep one instance, or declare the volumes `"shared": true`.'];
  }
  const names = dvdi.flatMap(({ name }) => (name === undefined ? [] : [name]));
  for (const name of new Set(names.filter((each, index) => names.indexOf(each) !== index))) {
    const text = `Requested DVDI volume '${name}' is declared more than once within app ${draft.id}`;
    yield ['/container/volumes', text, 'duplicate', 'Name each external volume once.'];
  }
  const isPersistent = given.some((volume) => 'persistent' in volume);
  const over = draft.upgradeStrategy.maximumOverCapacity;
  if (over !== 0 && (isPersistent || given.some((volume) => 'external' in volume))) {
    const hint = 'Data has one owner at a time, so an instance is stopped before its successor starts.';
    const text = `got ${jvmDouble(over)}, expected 0.0`;
    yield ['/upgradeStrategy/maximumOverCapacity', text, 'volume', hint];
  }
  if (!isPersistent) return;
  if (draft.unreachableStrategy !== 'disabled') {
    const text = 'unreachableStrategy must be disabled for resident tasks';
    yield ['/unreachableStrategy', text, 'volume', 'Leave it out, or give "disabled".'];
  }
  if (draft.role === '*') {
    const hint = 'Persistent volumes are reserved for a role: the server needs one of its own.';
    yield ['/role', 'Resident apps cannot have the role *', 'role', hint];
  }
  const accepted = draft.acceptedResourceRoles;
  if (accepted && !(accepted.length === 1 && accepted[0] === '*')) {
    const text = 'A resident app must have `acceptedResourceRoles = ["*"]`.';
    yield ['/acceptedResourceRoles', text, 'role', 'Leave it out, or give `["*"]`.'];
  }
};
