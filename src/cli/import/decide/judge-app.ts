import type { AppDraft, AppInput, DefinitionSettings } from '../../../apps/app-input.js';
import { withRolesOf } from '../../../apps/decide/app-roles.js';
import { type AppFields, changedFields } from '../../../apps/decide/changed-fields.js';
import { readPod, refusePod } from '../../../apps/decide/pods/read-pod.js';
import { readDefinition, readModel } from '../../../apps/decide/read-definition.js';
import { servicePortsOf } from '../../../apps/decide/service-ports.js';
import { resolvePath } from '../../../apps/path.js';
import type { PodInput } from '../../../apps/pod.js';
import { CatalogError, type ErrorDetail } from '../../../errors/registry.js';
import type { JsonObject } from './json-value.js';

/** Why something is not imported. */
export interface Reason {
  /** In the definition, as in the API's errors. */
  readonly path: string;
  readonly text: string;
  readonly hint: string;
}

/**
 * What becomes of an app. `same`: it is there as the source has it, whatever its number of instances. `conflict`: another
 * definition has its id. `aside`: longrun cannot take it.
 */
export type Verdict =
  | { readonly kind: 'new' }
  | { readonly kind: 'same' }
  | { readonly kind: 'conflict'; readonly fields: readonly string[] }
  | { readonly kind: 'replace'; readonly fields: readonly string[] }
  | { readonly kind: 'aside'; readonly reasons: readonly Reason[] };

export interface Judge {
  /** The body as a definition of the right shape; throws CatalogError. */
  readonly read: (body: unknown) => AppInput;
  /** The same for pods. */
  readonly readPod: (body: unknown) => PodInput;
  readonly settings: DefinitionSettings;
  /** An app that is there with another definition may be replaced. */
  readonly replace: boolean;
}

/** Judges a translated definition beside the app that already has its id. */
export function judgeApp(definition: JsonObject, present: JsonObject | undefined, judge: Judge): Verdict {
  let wanted: AppDraft;
  try {
    const input = judge.read(definition);
    const id = resolvePath(input.id ?? '');
    wanted = readDefinition(input, id, { current: undefined }, rolesFor(id, judge));
  } catch (error) {
    return { kind: 'aside', reasons: reasonsOf(error) };
  }
  if (!present) return { kind: 'new' };
  const input = judge.read(present);
  const id = resolvePath(input.id ?? '');
  const there = readModel(input, id, { current: undefined }, rolesFor(id, judge));
  const fields = changedFields(asFields(there), asFields(portsFilled(wanted, there))).filter(
    (field) => field !== 'instances',
  );
  if (fields.length === 0) return { kind: 'same' };
  return { kind: judge.replace ? 'replace' : 'conflict', fields };
}

/** Why a pod is kept aside: what rules it breaks, else that none can be run yet. */
export function reasonsAgainstPod(definition: JsonObject, judge: Judge): readonly Reason[] {
  try {
    const input = judge.readPod(definition);
    const id = resolvePath(input.id);
    return refusePod(readPod(input, id, rolesFor(id, judge)));
  } catch (error) {
    return reasonsOf(error);
  }
}

/** Groups are held to their roles after their apps are there. */
function rolesFor(id: string, { settings }: Judge): DefinitionSettings {
  return withRolesOf(settings, id, undefined, () => undefined);
}

/** What was said against it. Throws what is no refusal. */
function reasonsOf(error: unknown): readonly Reason[] {
  if (!(error instanceof CatalogError)) throw error;
  if (!Array.isArray(error.details)) return [{ path: '/', text: error.message, hint: error.hint }];
  return (error.details as readonly ErrorDetail[]).map(asReason);
}

export function asReason({ path, errors, hint }: ErrorDetail): Reason {
  return { path, text: errors.join(', '), hint: hint ?? '' };
}

/** A draft has every field of an app; only how many texts a constraint has is not known to the compiler. */
const asFields = (draft: AppDraft): AppFields => draft as unknown as AppFields;

/** A port that leaves the choice to the server is as good as the one that was chosen before. */
function portsFilled(wanted: AppDraft, there: AppDraft): AppDraft {
  const chosen = servicePortsOf(there);
  const { container } = wanted;
  const fill = (port: number, index: number): number => (port === 0 ? (chosen[index] ?? 0) : port);
  return {
    ...wanted,
    portDefinitions: wanted.portDefinitions.map((each, index) => ({ ...each, port: fill(each.port, index) })),
    ...(container?.portMappings && {
      container: {
        ...container,
        portMappings: container.portMappings.map((each, index) => ({
          ...each,
          servicePort: fill(each.servicePort, index),
        })),
      },
    }),
  };
}
