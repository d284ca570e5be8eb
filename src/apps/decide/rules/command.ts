import type { App } from '../../app.js';
import { isSecretVolume } from '../../container.js';
import { appIdProblems, isWellFormedPath, SEGMENT_PATTERN } from '../../path.js';
import { proposedAppId } from '../propose-id.js';
import { type Finding, hasNul, nul, type Rule } from './rule.js';

export const identity: Rule = function* ({ id }) {
  for (const problem of appIdProblems(id)) {
    const proposed = proposedAppId(id);
    yield [
      '/id',
      problem.message,
      `id-${problem.code}`,
      proposed === undefined
        ? 'Segments of a-z, 0-9 and inner hyphens, joined by slashes.'
        : `"${proposed}" would be an id; with the header \`Prefer: handling=lenient\` it is taken.`,
    ];
  }
};

export const command: Rule = function* ({ cmd, args, user, container }) {
  const needsNone = container !== undefined && (container.docker !== undefined || container.type === 'MESOS');
  const hasBoth = cmd !== undefined && args !== undefined;
  if (hasBoth || (cmd === undefined && args === undefined && !needsNone)) {
    yield [
      '/',
      "AppDefinition must either contain one of 'cmd' or 'args', and/or a 'container'.",
      'command',
      hasBoth
        ? 'Give `cmd` (run by the shell) or `args` (run as it is), not both.'
        : 'Give `cmd` (run by the shell), `args` (run as it is), or a `container` with an image.',
    ];
  }
  if (cmd !== undefined && hasNul(cmd)) yield nul('/cmd');
  for (const [index, arg] of (args ?? []).entries()) if (hasNul(arg)) yield nul(`/args(${index})`);
  yield* userFindings(user, '/user');
};

/** Whom an app, a pod or a container in one runs as. */
export function* userFindings(user: string | undefined, at: string): Iterable<Finding> {
  if (user !== undefined && !/^[^\s:/\0]+$/.test(user)) {
    yield [at, 'must be the name of a user', 'user', 'No blanks, colons or slashes.'];
  }
}

export const environment: Rule = function* ({ env, labels }) {
  yield* variableFindings(env, '/env');
  yield* labelFindings(labels, '/labels');
};

/** Names and values of variables; references to secrets are left to `secretReferenceFindings`. */
export function* variableFindings(env: App['env'], at: string): Iterable<Finding> {
  for (const [name, value] of Object.entries(env)) {
    if (name === '') yield [at, 'must not be empty', 'env-name', 'Every variable needs a name.'];
    else if (name.includes('=') || hasNul(name)) {
      yield [
        at,
        "names must not contain '=' or a NUL character",
        'env-name',
        `\`${name.slice(0, 40)}\` does.`,
      ];
    }
    if (typeof value === 'string' && hasNul(value)) yield nul(`${at}/${name.slice(0, 80)}`);
  }
}

export function* labelFindings(labels: App['labels'], at: string): Iterable<Finding> {
  for (const [name, value] of Object.entries(labels)) {
    if (hasNul(name) || hasNul(value)) yield nul(at);
  }
}

export const dependencies: Rule = function* ({ dependencies: paths }) {
  for (const [index, path] of paths.entries()) {
    if (isWellFormedPath(path)) continue;
    const text =
      path === '/' ? 'must not be root' : `must fully match regular expression '${SEGMENT_PATTERN}'`;
    yield [`/dependencies(${index})`, text, 'path', 'Name an app or a group, e.g. `/shop/db` or `../db`.'];
  }
};

/** References to secrets lead somewhere, and every secret says where it comes from. */
export const secrets: Rule = function* ({ env, secrets: defined = {}, container }): Iterable<Finding> {
  yield* definedSecretFindings(defined);
  yield* secretReferenceFindings(env, defined, '/env');
  const pullSecret = container?.docker?.pullConfig?.secret;
  const pullText = 'pullConfig.secret must refer to an existing secret';
  yield* undefinedSecret(pullSecret, defined, '/container/docker/pullConfig/secret', pullText);
  for (const [index, volume] of (container?.volumes ?? []).entries()) {
    if (!isSecretVolume(volume)) continue;
    const text = 'volume.secret must refer to an existing secret';
    yield* undefinedSecret(volume.secret, defined, `/container/volumes(${index})/secret`, text);
  }
};

type Secrets = NonNullable<App['secrets']>;

export function* definedSecretFindings(defined: Secrets): Iterable<Finding> {
  for (const [name, { source }] of Object.entries(defined)) {
    if (name === '') yield ['/secrets', 'must not be empty', 'empty', 'Every secret needs a name.'];
    if (source === '') {
      yield [`/secrets/${name}/source`, 'must not be empty', 'empty', 'Say where the secret is found.'];
    }
  }
}

export function* secretReferenceFindings(env: App['env'], defined: Secrets, at: string): Iterable<Finding> {
  for (const [name, value] of Object.entries(env)) {
    if (typeof value === 'string') continue;
    yield* undefinedSecret(value.secret, defined, `${at}/${name}/secret`, 'references an undefined secret');
  }
}

/** A finding with `text` when something refers to a secret that is not defined. */
export function* undefinedSecret(
  name: string | undefined,
  defined: Secrets,
  path: string,
  text: string,
): Iterable<Finding> {
  if (name === undefined || Object.hasOwn(defined, name)) return;
  yield [path, text, 'secret', `Add "${name.slice(0, 80)}" to \`secrets\`, with its \`source\`.`];
}
