import {
  closeSync,
  constants,
  existsSync,
  fchmodSync,
  lstatSync,
  mkdirSync,
  openSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, isAbsolute, join, relative, sep } from 'node:path';
import type { ContainerHost } from './container-host.js';
import type { ContainerSpec, MountSpec } from './containerizer.js';
import { privateMounts, stageScript } from './decide/stage-script.js';
import { resolverMount } from './network/resolver-mount.js';

/**
 * Writes what is to be done in a container's namespaces before its program starts: mounts, a network, strict bounds. Idempotent;
 * throws why it cannot be done on this host, or for this task.
 */
export function prepareStage(host: ContainerHost, spec: ContainerSpec, network: string | undefined): void {
  const { files, namespaces } = host;
  const resolver = network === undefined ? undefined : resolverMount();
  const asked = [...(resolver ? [resolver] : []), ...(spec.mounts ?? [])];
  const needs = needsOf(spec);
  if (needs.length > 0 && (!namespaces.own || namespaces.gaps.length > 0))
    throw new Error(`it asks for ${needs.join(' and ')}, but ${namespaces.gaps.join('; ')}`);
  const strict = namespaces.own && (spec.isolation === 'strict' || namespaces.level === 'strict');
  const sandbox = files.sandbox(spec.id);
  const mounts = asked.map((mount) => mountPointOf(mount, sandbox));
  if (strict) {
    makeTmp(join(sandbox, 'tmp'));
    const list = privateMounts({ sandboxes: files.sandboxes, sandbox });
    writeFileSync(files.mountList(spec.id), list, { mode: 0o600 });
  }
  const script = stageScript({
    sandboxes: files.sandboxes,
    sandbox,
    strict,
    asRoot: (spec.account?.uid ?? process.getuid?.()) === 0,
    groups: host.isolation.furtherGroups(spec.id, spec.limits),
    mounts,
    ...(network !== undefined && { network }),
  });
  if (script === undefined) rmSync(files.stage(spec.id), { force: true });
  else writeFileSync(files.stage(spec.id), script, { mode: 0o600 });
}

/** The folder that is the container's own /tmp. */
function makeTmp(folder: string): void {
  if (lstatSync(folder, { throwIfNoEntry: false })?.isSymbolicLink())
    throw new Error('its sandbox has a link where its own /tmp is to be');
  mkdirSync(folder, { recursive: true });
  // By its descriptor: another task of the same user may put a link there this very moment.
  const opened = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  try {
    fchmodSync(opened, 0o1777);
  } finally {
    closeSync(opened);
  }
}

function needsOf({ isolation, mounts, bridge }: ContainerSpec): readonly string[] {
  return [
    ...(isolation === 'strict' ? ['strict isolation'] : []),
    ...(mounts && mounts.length > 0 ? ['volumes'] : []),
    ...(bridge ? ['a network of its own'] : []),
  ];
}

/**
 * Where a mount goes. In the sandbox the place is made when it is not there; on the way there must be no link, which something
 * that was fetched might have put there. Elsewhere it must exist: making it would change the host.
 */
function mountPointOf(mount: MountSpec, sandbox: string): MountSpec {
  const target = isAbsolute(mount.target) ? join(mount.target, '.') : join(sandbox, mount.target);
  const source = statSync(mount.source, { throwIfNoEntry: false });
  if (!source) throw new Error(`the volume's source ${mount.source} does not exist on this host`);
  const inside = relative(sandbox, target);
  if (inside === '' || inside === '..' || inside.startsWith(`..${sep}`) || isAbsolute(inside)) {
    if (!isAbsolute(mount.target) || inside === '')
      throw new Error(`the volume's path ${mount.target} leads out of the sandbox or is the sandbox itself`);
    const place = statSync(target, { throwIfNoEntry: false });
    if (!place)
      throw new Error(
        `the volume's path ${target} does not exist on this host; name one that does, or one relative to the sandbox`,
      );
    requireSameKind(source.isDirectory(), place.isDirectory(), mount);
    return { ...mount, target };
  }
  makeInside(sandbox, inside, source.isDirectory());
  requireSameKind(source.isDirectory(), statSync(target).isDirectory(), mount);
  return { ...mount, target };
}

function requireSameKind(
  sourceIsFolder: boolean,
  targetIsFolder: boolean,
  { source, target }: MountSpec,
): void {
  if (sourceIsFolder === targetIsFolder) return;
  const kind = (folder: boolean): string => (folder ? 'a folder' : 'a file');
  throw new Error(
    `the volume's source ${source} is ${kind(sourceIsFolder)}, its path ${target} is ${kind(targetIsFolder)}`,
  );
}

function makeInside(sandbox: string, inside: string, folder: boolean): void {
  let at = sandbox;
  for (const name of inside.split(sep)) {
    at = join(at, name);
    if (lstatSync(at, { throwIfNoEntry: false })?.isSymbolicLink())
      throw new Error(`the volume's path leads over the link ${relative(sandbox, at)} in the sandbox`);
  }
  const path = join(sandbox, inside);
  mkdirSync(folder ? path : dirname(path), { recursive: true, mode: 0o755 });
  if (!folder && !existsSync(path)) writeFileSync(path, '', { flag: 'wx', mode: 0o644 });
}
