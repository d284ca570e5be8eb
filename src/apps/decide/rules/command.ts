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
  if (user !== undefined && !/^[^\s:/\0]+$/.test(user)) {
    yield ['/user', 'must be the name of a user', 'user', 'No blanks, colons or slashes.'];
  }
};

export const environment: Rule = function* ({ env, labels }) {
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
    if (typeof value === 'string' && hasNul(value)) yield nul(`/env/${name.slice(0, 80)}`);
  }
  for (const [name, value] of Object.entries(labels)) {
    if (hasNul(name) || hasNul(value)) yield nul('/labels');
  }
};

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
  const isDefined = (name: string): boolean => Object.hasOwn(defined, name);
  const hint = (name: string): string => `Add "${name.slice(0, 80)}" to \`secrets\`, with its \`source\`.`;
  for (const [name, { source }] of Object.entries(defined)) {
    if (name === '') yield ['/secrets', 'must not be empty', 'empty', 'Every secret needs a name.'];
    if (source === '') {
      yield [`/secrets/${name}/source`, 'must not be empty', 'empty', 'Say where the secret is found.'];
    }
  }
  for (const [name, value] of Object.entries(env)) {
    if (typeof value === 'string' || isDefined(value.secret)) continue;
    yield [`/env/${name}/secret`, 'references an undefined secret', 'secret', hint(value.secret)];
  }
  const pullSecret = container?.docker?.pullConfig?.secret;
  if (pullSecret !== undefined && !isDefined(pullSecret)) {
    const text = 'pullConfig.secret must refer to an existing secret';
    yield ['/container/docker/pullConfig/secret', text, 'secret', hint(pullSecret)];
  }
  for (const [index, volume] of (container?.volumes ?? []).entries()) {
    if (!('secret' in volume) || isDefined(volume.secret)) continue;
    const text = 'volume.secret must refer to an existing secret';
    yield [`/container/volumes(${index})/secret`, text, 'secret', hint(volume.secret)];
  }
};
