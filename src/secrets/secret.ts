import type { AppId } from '../apps/app.js';
import type { Timestamp } from '../util/timestamp.js';
import type { Sealed } from './decide/seal.js';

/** Most bytes of one secret. */
export const MAX_SECRET_BYTES = 64 * 1024;
/** Most secrets at once. */
export const MAX_SECRETS = 1_000;
/** Most bytes of all secrets together. */
export const MAX_ALL_SECRET_BYTES = 16 * 1024 * 1024;
/** Versions of a secret that are told about. */
export const MAX_TOLD_VERSIONS = 10;

/** One value that a secret had, without the value. */
export interface SecretVersion {
  /** 1 for the first one; never reused while the secret lives. */
  readonly version: number;
  readonly createdAt: Timestamp;
  readonly createdBy: string;
}

/** A secret as it is stored: its value only encrypted. */
export interface SecretRecord {
  readonly format: 1;
  readonly path: string;
  readonly version: number;
  /** Bytes of the value. */
  readonly size: number;
  /** The current one last. */
  readonly versions: readonly SecretVersion[];
  readonly sealed: Sealed;
}

/** What may be told of a secret. */
export type SecretFacts = Omit<SecretRecord, 'format' | 'sealed'>;

/** An app that is to be restarted because a secret that it uses was given another value. */
export interface DueRestart {
  readonly appId: AppId;
  readonly path: string;
  /** Who changed the secret, by which request. */
  readonly by: { readonly principal: string; readonly requestId: string };
}
