import type { ErrorDetail } from '../../errors/registry.js';
import type { AppDraft, AppInput, DefinitionSettings } from '../app-input.js';
import { appIdProblems, isWellFormedPath, SEGMENT_PATTERN } from '../path.js';
import { jvmDouble } from './jvm-double.js';
import { constraintProblem } from './validate-constraint.js';

/** One finding before grouping: path, Marathon's text where Marathon has one, our code and hint. */
type Finding = readonly [path: string, error: string, code: string, hint: string];
type Rule = (draft: AppDraft, input: AppInput, settings: DefinitionSettings) => Iterable<Finding>;

/**
 * Every rule about one app by itself (Marathon reference 2.4): findings grouped by path, empty when all is well.
 * `draft` is the normalised definition, `input` what it was made from (networks keep their names there).
 */
export function validateApp(
  draft: AppDraft,
  input: AppInput,
  settings: DefinitionSettings,
): readonly ErrorDetail[] {
  const byPath = new Map<string, { errors: string[]; code: string; hint: string }>();
  for (const rule of rules) {
    for (const [path, error, code, hint] of rule(draft, input, settings)) {
      const known = byPath.get(path);
      if (!known) byPath.set(path, { errors: [error], code, hint });
      else if (!known.errors.includes(error)) known.errors.push(error);
    }
  }
  return [...byPath].map(([path, finding]) => ({ path, ...finding }));
}

const rules: readonly Rule[] = [
  identity,
  command,
  environment,
  networks,
  ports,
  roles,
  constraints,
  healthChecks,
  readinessChecks,
  dependencies,
  strategies,
  singleInstance,
  migrationLabels,
];

function* identity({ id }: AppDraft): Iterable<Finding> {
  for (const problem of appIdProblems(id)) {
    yield [
      '/id',
      problem.message,
      `id-${problem.code}`,
      'Segments of a-z, 0-9 and inner hyphens, joined by slashes.',
    ];
  }
}

function* command({ cmd, args, user }: AppDraft): Iterable<Finding> {
  if ((cmd === undefined) === (args === undefined)) {
    yield [
      '/',
      "AppDefinition must either contain one of 'cmd' or 'args', and/or a 'container'.",
      'command',
      'Give `cmd` (run by the shell) or `args` (run as it is), not both.',
    ];
  }
  if (cmd !== undefined && hasNul(cmd)) yield nul('/cmd');
  for (const [index, arg] of (args ?? []).entries()) if (hasNul(arg)) yield nul(`/args(${index})`);
  if (user !== undefined && !/^[^\s:/\0]+$/.test(user)) {
    yield ['/user', 'must be the name of a user', 'user', 'No blanks, colons or slashes.'];
  }
}

function* environment({ env, labels }: AppDraft): Iterable<Finding> {
  for (const [name, value] of Object.entries(env)) {
    if (name === '') yield ['/env', 'must not be empty', 'env-name', 'Every variable needs a name.'];
    else if (name.includes('=') || hasNul(name)) {
      yield [
        '/env',
        "names must not contain '=' or a NUL character",
        'env-name',
        `\`${name.slice(0, 40)}\` does.`,
      ];
    }
    if (hasNul(value)) yield nul(`/env/${name.slice(0, 80)}`);
  }
  for (const [name, value] of Object.entries(labels)) {
    if (hasNul(name) || hasNul(value)) yield nul('/labels');
  }
}

const hasNul = (text: string): boolean => text.includes('\0');
const nul = (path: string): Finding => [
  path,
  'must not contain a NUL character',
  'nul',
  'Processes cannot receive it.',
];

function* networks(_draft: AppDraft, input: AppInput): Iterable<Finding> {
  const given = input.networks ?? [];
  for (const [index, network] of given.entries()) {
    if (network.name || Object.keys(network.labels ?? {}).length > 0) {
      const hint = 'Leave `name` and `labels` out.';
      yield [`/networks(${index})`, 'Host networks may not have names or labels', 'network', hint];
    }
  }
  if (given.length > 1) {
    const hint = 'One `{"mode": "host"}`.';
    yield ['/networks', 'Duplicate networks are not allowed', 'duplicate', hint];
    yield [
      '/networks',
      'May specify a single host network, single bridge network, or else 1-to-n container networks',
      'network',
      hint,
    ];
  }
}

function* ports({ portDefinitions }: AppDraft): Iterable<Finding> {
  const names = portDefinitions.flatMap(({ name }) => (name === undefined ? [] : [name]));
  if (new Set(names).size !== names.length) {
    yield [
      '/portDefinitions',
      'Port names must be unique.',
      'duplicate',
      'Give every port a name of its own.',
    ];
  }
  const fixed = portDefinitions.map(({ port }) => port).filter((port) => port !== 0);
  if (new Set(fixed).size !== fixed.length) {
    yield ['/portDefinitions', 'Ports must be unique.', 'duplicate', 'Name each port once; 0 means any.'];
  }
}

/** Names that Mesos forbids for roles. */
function roleNameProblem(role: string): string | undefined {
  if (role === '' || role === '.' || role === '..') return `A role name must not be "${role}".`;
  if (role.startsWith('-')) return "A role name must not start with a '-'.";
  const forbidden: readonly (readonly [char: string, name: string])[] = [
    [' ', 'a space (\\x20)'],
    ['\t', 'a horizontal tab (\\x09)'],
    ['\n', 'a line feed (\\x0a)'],
    ['\v', 'a vertical tab (\\x0b)'],
    ['\f', 'a form feed (\\x0c)'],
    ['\r', 'a carriage return (\\x0d)'],
    ['/', 'a slash (\\x2f)'],
    ['\b', 'a backspace (\\x08)'],
  ];
  const found = forbidden.find(([char]) => role.includes(char));
  return found && `A role name must not include ${found[1]} character.`;
}

function* roles(
  { role, acceptedResourceRoles }: AppDraft,
  _input: AppInput,
  settings: DefinitionSettings,
): Iterable<Finding> {
  const nameProblem = roleNameProblem(role);
  if (nameProblem) yield ['/role', nameProblem, 'role', `Leave \`role\` out: it is ${settings.defaultRole}.`];
  else if (role !== settings.defaultRole) {
    const hint = `Other roles are not supported yet; leave \`role\` out.`;
    yield ['/role', `got ${role}, expected one of: [${settings.defaultRole}]`, 'role', hint];
  }
  if (!acceptedResourceRoles) return;
  const path = '/acceptedResourceRoles';
  const allowed = [...new Set(['*', role])].sort();
  if (acceptedResourceRoles.length === 0) {
    yield [
      path,
      'must not be empty',
      'empty',
      'Leave it out, or name the roles whose resources may be used.',
    ];
  } else if (acceptedResourceRoles.some((accepted) => !allowed.includes(accepted))) {
    const text = `acceptedResourceRoles can only contain ${allowed.join(' and ')}`;
    yield [path, text, 'role', `Allowed here: ${allowed.join(', ')}.`];
  }
}

function* constraints(draft: AppDraft): Iterable<Finding> {
  for (const [index, constraint] of draft.constraints.entries()) {
    const problem = constraintProblem(constraint);
    if (problem) yield [`/constraints(${index})`, problem.error, 'constraint', problem.hint];
  }
}

function* healthChecks({ healthChecks: checks, portDefinitions }: AppDraft): Iterable<Finding> {
  for (const [index, check] of checks.entries()) {
    const path = `/healthChecks(${index})`;
    const addressed =
      check.port !== undefined ||
      (check.portIndex === undefined
        ? portDefinitions.length === 1
        : check.portIndex < portDefinitions.length);
    if (!addressed) {
      yield [
        path,
        'Health check port indices must address an element of the ports array or container port mappings.',
        'port-index',
        portDefinitions.length === 0
          ? 'This app has no ports: define one, or give the check a `port`.'
          : `\`portIndex\` must be from 0 to ${portDefinitions.length - 1}.`,
      ];
    }
    yield* urlPath(`${path}/path`, check.path);
  }
}

function* readinessChecks({ readinessChecks: checks, portDefinitions }: AppDraft): Iterable<Finding> {
  if (checks.length > 1) {
    yield [
      '/readinessChecks',
      `got ${checks.length}, expected 1 or less`,
      'too-many',
      'Keep one readiness check.',
    ];
  }
  for (const [index, check] of checks.entries()) {
    const path = `/readinessChecks(${index})`;
    if (!portDefinitions.some(({ name }) => name === check.portName)) {
      const text = `No port definition reference for portName ${check.portName}`;
      yield [`${path}/portName`, text, 'port-name', "Name one of the app's port definitions."];
    }
    if (check.timeoutSeconds >= check.intervalSeconds) {
      const text = `got ${check.timeoutSeconds}, expected less than ${check.intervalSeconds}`;
      yield [
        `${path}/timeoutSeconds`,
        text,
        'contradiction',
        'The timeout must be shorter than `intervalSeconds`.',
      ];
    }
    if (check.httpStatusCodesForReady.length === 0) {
      const hint = 'Leave it out for [200].';
      yield [`${path}/httpStatusCodesForReady`, 'must not be empty', 'empty', hint];
    }
    yield* urlPath(`${path}/path`, check.path);
  }
}

/** A path goes into a request line as it is: blanks and control characters would break out of it. */
function* urlPath(path: string, value: string | undefined): Iterable<Finding> {
  if (value !== undefined && [...value].some((char) => char <= ' ' || char === '\x7f')) {
    yield [path, 'must not contain blanks or control characters', 'url-path', 'Percent-encode them.'];
  }
}

function* dependencies({ dependencies: paths }: AppDraft): Iterable<Finding> {
  for (const [index, path] of paths.entries()) {
    if (isWellFormedPath(path)) continue;
    const text =
      path === '/' ? 'must not be root' : `must fully match regular expression '${SEGMENT_PATTERN}'`;
    yield [`/dependencies(${index})`, text, 'path', 'Name an app or a group, e.g. `/shop/db` or `../db`.'];
  }
}

function* strategies({ unreachableStrategy }: AppDraft): Iterable<Finding> {
  if (unreachableStrategy === 'disabled') return;
  const { inactiveAfterSeconds: inactive, expungeAfterSeconds: expunge } = unreachableStrategy;
  if (inactive > expunge) {
    yield [
      '/unreachableStrategy',
      `inactiveAfterSeconds (${inactive}) must be less or equal to expungeAfterSeconds, which is ${expunge}`,
      'contradiction',
      'Give both; an instance is replaced first and forgotten later.',
    ];
  }
}

function* singleInstance({ labels, instances, upgradeStrategy }: AppDraft): Iterable<Finding> {
  if (labels['MARATHON_SINGLE_INSTANCE_APP'] !== 'true') return;
  const hint = 'Because of the label MARATHON_SINGLE_INSTANCE_APP.';
  if (instances > 1)
    yield ['/instances', 'Single instance app may only have one instance', 'single-instance', hint];
  for (const field of ['minimumHealthCapacity', 'maximumOverCapacity'] as const) {
    const got = upgradeStrategy[field];
    if (got !== 0)
      yield [`/upgradeStrategy/${field}`, `got ${jvmDouble(got)}, expected 0.0`, 'single-instance', hint];
  }
}

function* migrationLabels({ labels }: AppDraft): Iterable<Finding> {
  const version = labels['DCOS_MIGRATION_API_VERSION'];
  if (version === undefined) return;
  if (version !== 'v1') {
    const hint = 'The only version there is is v1.';
    yield ['/labels/DCOS_MIGRATION_API_VERSION', `got ${version}, expected one of: [v1]`, 'label', hint];
  }
  if (!labels['DCOS_PACKAGE_FRAMEWORK_NAME'] || !labels['DCOS_MIGRATION_API_PATH']) {
    yield [
      '/labels',
      'DCOS_PACKAGE_FRAMEWORK_NAME and DCOS_MIGRATION_API_PATH must be defined when using DCOS_MIGRATION_API_VERSION',
      'label',
      'Set both labels, or drop DCOS_MIGRATION_API_VERSION.',
    ];
  }
}
