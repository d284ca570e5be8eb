import type { Timestamp } from '../../util/timestamp.js';

/** What is being done about one host's certificate. */
export interface AcmeHost {
  readonly host: string;
  readonly state: 'waiting' | 'asking' | 'has-certificate';
  /** Name of the certificate. */
  readonly certificate: string;
  /** When it is asked for next. */
  readonly nextAt?: Timestamp;
  /** Times in a row that it was refused, and why the last time. */
  readonly failures?: number;
  readonly problem?: string;
}

/** ACME as operators see it. */
export interface AcmeState {
  readonly directory: string;
  readonly hosts: readonly AcmeHost[];
}
