import type { MountSpec } from '../../containers/containerizer.js';
import type { TaskInfo } from '../../protocol/v1.js';
import { launchFailure, type Outcome } from './status.js';

/** A folder or file of this host that tasks may see, with all below it. */
export interface AllowedPath {
  readonly path: string;
  readonly readOnly: boolean;
}

/** What is wrong with `--host-volumes`, as a sentence. */
export class HostVolumeError extends Error {}

/** `--host-volumes`: absolute paths, comma separated, each with `:ro` when tasks may only read. Throws HostVolumeError. */
export function parseHostVolumes(text: string): readonly AllowedPath[] {
  return text.split(',').flatMap((word) => {
    const trimmed = word.trim();
    if (trimmed === '') return [];
    const [, path = '', mode] = /^(.*?)(?::(ro|rw))?$/.exec(trimmed) ?? [];
    if (!path.startsWith('/'))
      throw new HostVolumeError(`'${trimmed}' is no absolute path; write /path or /path:ro`);
    return [{ path: path.replace(/(.)\/+$/, '$1'), readOnly: mode === 'ro' }];
  });
}

/** A volume that is to be resolved on this host. */
export interface WantedVolume {
  readonly hostPath: string;
  readonly containerPath: string;
  readonly readOnly: boolean;
}

/** The host's paths that a task asks for. Volumes of other kinds are none of them. */
export function wantedVolumes({ container }: Pick<TaskInfo, 'container'>): readonly WantedVolume[] {
  return (container?.volumes ?? []).flatMap(({ mode, container_path, host_path, source }) => {
    const hostPath = host_path ?? source?.host_path?.path;
    return hostPath === undefined
      ? []
      : [{ hostPath, containerPath: container_path, readOnly: mode === 'RO' }];
  });
}

/** What a path of this host really is: where its links lead; undefined: it does not exist. */
export interface ResolvedVolume extends WantedVolume {
  readonly realPath: string | undefined;
}

const isWithin = (path: string, folder: string): boolean =>
  folder === '/' || path === folder || path.startsWith(`${folder}/`);

/**
 * The mounts of a task, or why it may not have them. A volume must lie where the operator allows it, after all links; what is
 * allowed for reading only is mounted so; what belongs to the agent never is a volume, nor anything that holds it.
 * `allowed`: resolved too. `workDir`: the agent's.
 */
export function mountsOf(
  volumes: readonly ResolvedVolume[],
  allowed: readonly AllowedPath[],
  workDir: string,
): { readonly mounts: readonly MountSpec[] } | { readonly refusal: Outcome } {
  const mounts: MountSpec[] = [];
  for (const { hostPath, containerPath, realPath, readOnly } of volumes) {
    if (!hostPath.startsWith('/'))
      return refused(`the volume's path ${hostPath} of the host must be absolute`);
    if (realPath === undefined) return refused(`the volume's path ${hostPath} does not exist on this host`);
    const rule = allowed
      .filter(({ path }) => isWithin(realPath, path))
      .reduce<AllowedPath | undefined>(
        (nearest, next) => (nearest && nearest.path.length >= next.path.length ? nearest : next),
        undefined,
      );
    if (!rule) {
      const which = realPath === hostPath ? hostPath : `${hostPath} (${realPath})`;
      return refused(`this agent's --host-volumes does not allow ${which}`);
    }
    if (isWithin(realPath, workDir) || isWithin(workDir, realPath))
      return refused(`${hostPath} holds files of longrun itself, or lies among them`);
    if (rule.readOnly && !readOnly)
      return refused(`this agent's --host-volumes allows ${hostPath} for reading only: set "mode": "RO"`);
    mounts.push({ source: realPath, target: containerPath, readOnly });
  }
  return { mounts };
}

function refused(why: string): { readonly refusal: Outcome } {
  return { refusal: launchFailure(why) };
}
