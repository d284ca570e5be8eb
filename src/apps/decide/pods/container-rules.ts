import type { AppInput } from '../../app-input.js';
import type { PodCommand, PodContainer, PodDraft, PodProbe } from '../../pod.js';
import { urlPath } from '../rules/checks.js';
import {
  labelFindings,
  secretReferenceFindings,
  undefinedSecret,
  userFindings,
  variableFindings,
} from '../rules/command.js';
import { artifactFindings, imageName, linuxFindings } from '../rules/container.js';
import { resourceLimitFindings } from '../rules/resources.js';
import { type Finding, hasNul, nul } from '../rules/rule.js';

/** Names of containers that task ids need for something else. */
const RESERVED_NAME = '_app';

/** Every rule about one container of a pod. `limits`: as they were sent, words included. */
export function* containerFindings(
  container: PodContainer,
  limits: AppInput['resourceLimits'],
  pod: PodDraft,
  at: string,
): Iterable<Finding> {
  const { environment = {}, labels = {}, artifacts, exec } = container;
  const secrets = pod.secrets ?? {};
  if (container.name === RESERVED_NAME) {
    yield [`${at}/name`, `must not be ${RESERVED_NAME}`, 'name', 'Tasks of apps are named so.'];
  }
  yield* userFindings(container.user, `${at}/user`);
  yield* variableFindings(environment, `${at}/environment`);
  yield* secretReferenceFindings(environment, secrets, `${at}/environment`);
  yield* labelFindings(labels, `${at}/labels`);
  yield* artifactFindings(artifacts, `${at}/artifacts`);
  yield* linuxFindings(container.linuxInfo, `${at}/linuxInfo`);
  yield* resourceLimitFindings(limits, container.resources, `${at}/resourceLimits`);
  if (container.resourceLimits && pod.legacySharedCgroups) {
    const text = 'resourceLimits cannot be defined if legacySharedCgroups is enabled';
    yield [`${at}/resourceLimits`, text, 'contradiction', 'Leave one of the two out.'];
  }
  if (exec) yield* commandFindings(exec.command, `${at}/exec/command`);
  yield* imageFindings(container, secrets, `${at}/image`);
  yield* mountFindings(container, pod, `${at}/volumeMounts`);
  yield* healthCheckFindings(container, at);
  if (container.check) yield* probeFindings(container.check, container, `${at}/check`);
}

function* commandFindings({ shell, argv }: PodCommand, at: string): Iterable<Finding> {
  if ((shell === undefined) === !argv?.length) {
    const hint = '`{"shell": "<command>"}` or `{"argv": ["<program>", ...]}`.';
    yield [at, 'must be exactly one of shell and argv', 'command', hint];
  }
  if (shell !== undefined && hasNul(shell)) yield nul(`${at}/shell`);
  for (const [index, argument] of (argv ?? []).entries())
    if (hasNul(argument)) yield nul(`${at}/argv(${index})`);
}

function* imageFindings(
  { image }: PodContainer,
  secrets: NonNullable<PodDraft['secrets']>,
  at: string,
): Iterable<Finding> {
  if (!image) return;
  if (!imageName.test(image.id)) {
    const hint = 'For instance `nginx:1.27` or `registry.example.com:5000/team/web:2`.';
    yield [`${at}/id`, 'must be the name of an image', 'image', hint];
  }
  const text = 'pullConfig.secret must refer to an existing secret';
  yield* undefinedSecret(image.pullConfig?.secret, secrets, `${at}/pullConfig/secret`, text);
  yield* labelFindings(image.labels ?? {}, `${at}/labels`);
}

function* mountFindings(
  { volumeMounts = [] }: PodContainer,
  { volumes = [] }: PodDraft,
  at: string,
): Iterable<Finding> {
  for (const [index, { name, mountPath }] of volumeMounts.entries()) {
    if (!volumes.some((volume) => volume.name === name)) {
      const text = 'Referenced Volume in VolumeMount should exist';
      const hint = `Add a volume named "${name.slice(0, 80)}" to \`volumes\` of the pod.`;
      yield [`${at}(${index})/name`, text, 'volume', hint];
    }
    if (hasNul(mountPath)) yield nul(`${at}(${index})/mountPath`);
  }
}

function* healthCheckFindings(container: PodContainer, at: string): Iterable<Finding> {
  const { healthCheck } = container;
  if (!healthCheck) return;
  const { timeoutSeconds, intervalSeconds } = healthCheck;
  yield* probeFindings(healthCheck, container, `${at}/healthCheck`);
  if (timeoutSeconds < intervalSeconds) return;
  const text = `got ${timeoutSeconds}, expected less than ${intervalSeconds}`;
  const hint = 'The timeout must be shorter than `intervalSeconds`.';
  yield [`${at}/healthCheck/timeoutSeconds`, text, 'contradiction', hint];
}

function* probeFindings(
  { http, tcp, exec }: PodProbe,
  { endpoints = [] }: PodContainer,
  at: string,
): Iterable<Finding> {
  if ([http, tcp, exec].filter((kind) => kind !== undefined).length !== 1) {
    const text = 'Only one of http, tcp, or command may be specified';
    yield [at, text, 'contradiction', 'Give exactly one of `http`, `tcp` and `exec`.'];
  }
  for (const [kind, asked] of [['http', http] as const, ['tcp', tcp] as const]) {
    if (!asked || endpoints.some(({ name }) => name === asked.endpoint)) continue;
    const hint = 'Name an endpoint of the same container.';
    yield [`${at}/${kind}/endpoint`, 'contained in the container endpoints', 'endpoint', hint];
  }
  if (exec) yield* commandFindings(exec.command, `${at}/exec/command`);
  yield* urlPath(`${at}/http/path`, http?.path);
}
