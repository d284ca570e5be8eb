import type { Timestamp } from '../../util/timestamp.js';
import type { AppRecord, Constraint } from '../app.js';
import type { AppDraft } from '../app-input.js';
import { type AppFields, changedFields } from './changed-fields.js';
import { launchHash } from './launch-hash.js';
import type { PortsOfApp } from './service-ports.js';
import { changeKind, versionsAfter } from './versions.js';

/** A definition on its way to become an app's record. */
export interface NextDefinition {
  /** Valid, with service ports assigned. */
  readonly fields: AppFields;
  readonly explicitPorts: boolean;
  /** Carried over from the definition it comes from, so that a rollback finds its instances current. */
  readonly restartedAt: Timestamp | undefined;
  /** The record being rolled back to, if any. */
  readonly source?: AppRecord;
}

/**
 * The record after a change: versions stamped, launch hash computed. `before` itself when nothing changed, so that a
 * change of nothing is one.
 */
export function nextRecord(
  before: AppRecord | undefined,
  next: NextDefinition,
  version: Timestamp,
  restartOnAnyChange: boolean,
): AppRecord {
  const { fields, explicitPorts, restartedAt, source } = next;
  const changed = before ? changedFields(before.app, fields) : [];
  const related = [
    ...(before ? [{ record: before, changed }] : []),
    ...(source ? [{ record: source, changed: changedFields(source.app, fields) }] : []),
  ];
  const hash = launchHash(fields, { restartedAt, restartOnAnyChange }, related);
  const kind = changeKind(before?.app, changed, hash !== before?.launchHash);
  if (before && kind === 'unchanged' && before.explicitPorts === explicitPorts) return before;
  const stamped = kind === 'unchanged' ? 'in-place' : kind;
  const versions = versionsAfter(stamped, before?.app, changed.includes('instances'), version);
  return {
    app: { ...fields, ...versions },
    launchHash: hash,
    ...(restartedAt === undefined ? {} : { restartedAt }),
    explicitPorts,
  };
}

/** The record after a restart by request: every instance of before is outdated. */
export function restartedRecord(
  before: AppRecord,
  version: Timestamp,
  restartOnAnyChange: boolean,
): AppRecord {
  return {
    app: { ...before.app, ...versionsAfter('restarted', before.app, false, version) },
    launchHash: launchHash(before.app, { restartedAt: version, restartOnAnyChange }, []),
    restartedAt: version,
    explicitPorts: before.explicitPorts,
  };
}

/** A draft that passed validation, with its service ports. */
export function fieldsOfDraft(draft: AppDraft, ports: PortsOfApp): AppFields {
  const { portDefinitions, container } = ports;
  return {
    ...draft,
    constraints: draft.constraints.map(asConstraint),
    portDefinitions,
    ...(container ? { container } : {}),
  };
}

/** Validation has proved that there are two or three parts and that the second is an operator. */
function asConstraint(parts: readonly string[]): Constraint {
  const [field = '', operator = '', value] = parts;
  const named = operator as Constraint[1];
  return value === undefined ? [field, named] : [field, named, value];
}
