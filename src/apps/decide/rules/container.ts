import type { Artifact } from '../../app.js';
import type { LinuxInfo } from '../../container.js';
import { uriProblem } from '../uri-syntax.js';
import type { Finding, Rule } from './rule.js';

/** Name of an image, of an app or in a pod: registry, path of lower-case parts, tag, digest. */
export const imageName =
  /^(?:[a-zA-Z0-9.-]+(?::\d+)?\/)?[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*(?::[\w][\w.-]{0,127})?(?:@[a-zA-Z0-9+._-]+:[0-9a-fA-F]{32,})?$/;

export const container: Rule = function* ({ container: given }) {
  if (!given) return;
  const { type, docker, linuxInfo } = given;
  if (type === 'DOCKER' && !docker) {
    const hint = 'Give `docker` with its `image`, or `"type": "MESOS"` for a container without image.';
    yield ['/container/docker', 'not defined', 'container', hint];
  }
  if (docker && !imageName.test(docker.image)) {
    const hint = 'For instance `nginx:1.27` or `registry.example.com:5000/team/web:2`.';
    yield ['/container/docker/image', 'must be the name of an image', 'image', hint];
  }
  if (type === 'DOCKER' && docker?.pullConfig) {
    const text = 'pullConfig is not supported with Docker containerizer';
    yield ['/container/docker/pullConfig', text, 'container', 'Use `"type": "MESOS"`, or fetch `.docker`.'];
  }
  yield* linuxFindings(linuxInfo, '/container/linuxInfo');
};

/** Seccomp and IPC settings of a container, a pod or a container in one. */
export function* linuxFindings(linuxInfo: LinuxInfo | undefined, at: string): Iterable<Finding> {
  const { seccomp, ipcInfo } = linuxInfo ?? {};
  if (seccomp?.profileName !== undefined && seccomp.unconfined) {
    const text = 'Seccomp unconfined can NOT be true when Profile is defined';
    yield [`${at}/seccomp`, text, 'contradiction', 'Keep one of the two.'];
  }
  if (seccomp && seccomp.profileName === undefined && !seccomp.unconfined) {
    const text = 'Seccomp unconfined must be true when Profile is NOT defined';
    yield [`${at}/seccomp`, text, 'contradiction', 'Give one of the two.'];
  }
  if (ipcInfo?.mode === 'SHARE_PARENT' && ipcInfo.shmSize !== undefined) {
    const text = 'ipcInfo shmSize can NOT be set when mode is SHARE_PARENT';
    yield [`${at}/ipcInfo`, text, 'contradiction', 'Leave `shmSize` out.'];
  }
}

export const artifacts: Rule = ({ fetch }) => artifactFindings(fetch, '/fetch');

/** What is fetched for an app, or for a container in a pod. */
export function* artifactFindings(fetch: readonly Artifact[] | undefined, at: string): Iterable<Finding> {
  for (const [index, { uri, destPath }] of (fetch ?? []).entries()) {
    const hint = uriProblem(uri);
    if (hint !== undefined) yield [`${at}(${index})/uri`, 'URI has invalid syntax.', 'uri', hint];
    if (destPath !== undefined && (destPath.startsWith('/') || destPath.split('/').includes('..'))) {
      const text = 'must be a path inside the sandbox';
      yield [`${at}(${index})/destPath`, text, 'path', 'Relative, and without `..`.'];
    }
  }
}
