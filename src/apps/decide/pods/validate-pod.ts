import type { ErrorDetail } from '../../../errors/registry.js';
import type { DefinitionSettings } from '../../app-input.js';
import { appIdProblems } from '../../path.js';
import { isResidentPod, type PodDraft, type PodInput } from '../../pod.js';
import { jvmDouble } from '../jvm-double.js';
import {
  definedSecretFindings,
  labelFindings,
  secretReferenceFindings,
  undefinedSecret,
  userFindings,
  variableFindings,
} from '../rules/command.js';
import { linuxFindings } from '../rules/container.js';
import { networkFindings } from '../rules/networks.js';
import { acceptedRoleFindings, roleFindings } from '../rules/roles.js';
import { type Finding, findingsByPath } from '../rules/rule.js';
import { unreachableFindings } from '../rules/strategies.js';
import { persistentFindings } from '../rules/volumes.js';
import { constraintProblem } from '../validate-constraint.js';
import { containerFindings } from './container-rules.js';
import { endpointFindings } from './endpoint-rules.js';

type PodRule = (draft: PodDraft, input: PodInput, settings: DefinitionSettings) => Iterable<Finding>;

const rules: readonly PodRule[] = [
  identity,
  ownFields,
  networks,
  containers,
  endpointFindings,
  volumes,
  scaling,
  scheduling,
  dataIsKept,
];

/**
 * Every rule about one pod by itself (Marathon reference 1.9 and what of 2.4 is about pods too): findings grouped by
 * path, empty when all is well. `draft` is the normalised definition, `input` what it was made from.
 */
export function validatePod(
  draft: PodDraft,
  input: PodInput,
  settings: DefinitionSettings,
): readonly ErrorDetail[] {
  return findingsByPath(rules.flatMap((rule) => [...rule(draft, input, settings)]));
}

function* identity({ id }: PodDraft): Iterable<Finding> {
  for (const { code, message } of appIdProblems(id)) {
    yield ['/id', message, `id-${code}`, 'Segments of a-z, 0-9 and inner hyphens, joined by slashes.'];
  }
}

function* ownFields(draft: PodDraft, _input: PodInput, settings: DefinitionSettings): Iterable<Finding> {
  const { user, environment = {}, labels = {}, secrets = {}, linuxInfo, role } = draft;
  yield* userFindings(user, '/user');
  yield* variableFindings(environment, '/environment');
  yield* labelFindings(labels, '/labels');
  yield* definedSecretFindings(secrets);
  yield* secretReferenceFindings(environment, secrets, '/environment');
  yield* linuxFindings(linuxInfo, '/linuxInfo');
  yield* roleFindings(role, settings);
}

function* networks({ networks: given = [] }: PodDraft): Iterable<Finding> {
  yield* networkFindings(given);
}

function* containers(draft: PodDraft, input: PodInput): Iterable<Finding> {
  for (const [index, container] of draft.containers.entries()) {
    yield* containerFindings(
      container,
      input.containers[index]?.resourceLimits,
      draft,
      `/containers(${index})`,
    );
  }
  const names = draft.containers.map(({ name }) => name);
  if (new Set(names).size !== names.length) {
    const hint = 'Give every container a name of its own.';
    yield ['/containers', 'container names must be unique', 'duplicate', hint];
  }
}

function* volumes(draft: PodDraft, input: PodInput): Iterable<Finding> {
  const given = draft.volumes ?? [];
  const mounted = new Set(
    draft.containers.flatMap(({ volumeMounts = [] }) => volumeMounts.map(({ name }) => name)),
  );
  for (const [index, { name, host, persistent, secret }] of given.entries()) {
    const path = `/volumes(${index})`;
    if (!mounted.has(name)) {
      const text = 'volume must be referenced by at least one container';
      yield [path, text, 'volume', `Name "${name}" in the \`volumeMounts\` of a container.`];
    }
    if ([host, persistent, secret].filter((kind) => kind !== undefined).length > 1) {
      const text = 'must be at most one of host, persistent and secret';
      yield [path, text, 'volume', 'With none of them it lives as long as its instance.'];
    }
    const persistentInput = input.volumes?.[index]?.persistent;
    if (persistentInput) yield* persistentFindings(persistentInput, `${path}/persistent`);
    const text = 'volume.secret must refer to an existing secret';
    yield* undefinedSecret(secret, draft.secrets ?? {}, `${path}/secret`, text);
  }
  const names = given.map(({ name }) => name);
  if (new Set(names).size !== names.length) {
    yield ['/volumes', 'volume names must be unique', 'duplicate', 'Give every volume a name of its own.'];
  }
}

function* scaling({ scaling: { kind } }: PodDraft): Iterable<Finding> {
  if (kind === 'fixed') return;
  yield ['/scaling', 'Not a fixed scaling policy', 'scaling', '`{"kind": "fixed", "instances": 1}`.'];
}

function* scheduling({ scheduling: { placement, unreachableStrategy }, role }: PodDraft): Iterable<Finding> {
  for (const [index, { fieldName, operator, value }] of placement.constraints.entries()) {
    const problem = constraintProblem([fieldName, operator, ...(value === undefined ? [] : [value])]);
    if (!problem) continue;
    yield [`/scheduling/placement/constraints(${index})`, problem.error, 'constraint', problem.hint];
  }
  const path = '/scheduling/placement/acceptedResourceRoles';
  yield* acceptedRoleFindings(placement.acceptedResourceRoles, role, path);
  yield* unreachableFindings(unreachableStrategy, '/scheduling/unreachableStrategy');
}

/** What persistent volumes ask of the rest of the pod: one writer at a time, and data that is waited for. */
function* dataIsKept(draft: PodDraft): Iterable<Finding> {
  if (!isResidentPod(draft)) return;
  const { upgrade, unreachableStrategy } = draft.scheduling;
  if (upgrade.maximumOverCapacity !== 0) {
    const text = `got ${jvmDouble(upgrade.maximumOverCapacity)}, expected 0.0`;
    const hint = 'Data has one owner at a time, so an instance is stopped before its successor starts.';
    yield ['/scheduling/upgrade/maximumOverCapacity', text, 'volume', hint];
  }
  if (unreachableStrategy !== 'disabled') {
    const text = 'unreachableStrategy must be disabled for pods with persistent volumes';
    yield ['/scheduling/unreachableStrategy', text, 'volume', 'Leave it out, or give "disabled".'];
  }
}
