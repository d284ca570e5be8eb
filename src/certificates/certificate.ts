import type { Sealed } from '../secrets/decide/seal.js';
import type { Timestamp } from '../util/timestamp.js';
import type { CertificateFacts } from './decide/read-certificate.js';

/** Most certificates and authorities altogether; all are in the memory of each load balancer. */
export const MAX_CERTIFICATES = 2_000;
/** Letters, digits and inner `.`, `_`, `-`; a `*` becomes `_` in the names that ACME's have. */
export const certificateName = /^[a-z0-9_](?:[a-z0-9._-]{0,126}[a-z0-9])?$/;

/** As it is stored. */
export interface CertificateRecord {
  readonly format: 1;
  readonly name: string;
  /** Grows with each change: the key is sealed for name and version. */
  readonly version: number;
  /** PEM. */
  readonly certificate: string;
  /** Absent: certificate authorities, by which clients are known. */
  readonly privateKey?: Sealed;
  readonly source: 'api' | 'acme';
  readonly changedAt: Timestamp;
  readonly changedBy: string;
}

/** What everybody with the right may see: never the key. */
export interface CertificateInfo extends CertificateFacts {
  readonly name: string;
  readonly kind: 'certificate' | 'authority';
  readonly source: 'api' | 'acme';
  readonly version: number;
  readonly changedAt: Timestamp;
  readonly changedBy: string;
}
