import { createHash } from 'node:crypto';
import type { Timestamp } from '../../util/timestamp.js';
import type { AppRecord } from '../app.js';
import { canonicalJson } from './canonical-json.js';
import { type AppField, type AppFields, launchFields, sameLaunch } from './changed-fields.js';

/** Hexadecimal digits kept of the SHA-256: 64 bits, far more than one app ever has definitions. */
const HASH_DIGITS = 16;

/** What the hash is made of besides the definition. */
export interface LaunchHashOptions {
  readonly restartedAt: Timestamp | undefined;
  /** Marathon's way: every field but `instances` counts. */
  readonly restartOnAnyChange: boolean;
}

/** A record beside the fields in which the new definition differs from it. */
export interface Related {
  readonly record: AppRecord;
  readonly changed: readonly AppField[];
}

/**
 * Stands for all that a running instance was made from. An instance is current when its hash is its app's.
 *
 * `related`: records whose hash is taken over when their launch fields are the same. The hash then stays what it was
 * even when the rule (or this program) has changed since: an upgrade or a flag by itself restarts nothing.
 */
export function launchHash(app: AppFields, options: LaunchHashOptions, related: readonly Related[]): string {
  for (const { record, changed } of related) {
    if (record.restartedAt !== options.restartedAt) continue;
    if (sameLaunch(record.app, app, changed, options.restartOnAnyChange)) return record.launchHash;
  }
  const fields = launchFields(app, options.restartOnAnyChange);
  const text = canonicalJson({ fields, restartedAt: options.restartedAt });
  return createHash('sha256').update(text).digest('hex').slice(0, HASH_DIGITS);
}
