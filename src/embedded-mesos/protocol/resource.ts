import type { Volume } from './container-info.js';
import type { IdValue, Labels, Ranges, Value } from './values.js';

export interface ReservationInfo {
  readonly type?: 'STATIC' | 'DYNAMIC';
  readonly role: string;
  readonly principal?: string;
  readonly labels?: Labels;
}

export interface Resource {
  readonly name: string;
  readonly type: 'SCALAR' | 'RANGES' | 'SET';
  readonly scalar?: Value<number>;
  readonly ranges?: Ranges;
  readonly set?: { readonly item: readonly string[] };
  /** Deprecated by reservations, still on the wire: `*` when unreserved. */
  readonly role?: string;
  /** Deprecated by reservations: a dynamic reservation to `role`. */
  readonly reservation?: { readonly principal?: string; readonly labels?: Labels };
  readonly allocation_info?: { readonly role: string };
  /** Least refined first; the last one says to whom it is reserved. */
  readonly reservations?: readonly ReservationInfo[];
  readonly disk?: DiskInfo;
  readonly revocable?: Readonly<Record<string, never>>;
  readonly shared?: Readonly<Record<string, never>>;
  readonly provider_id?: IdValue;
}

export interface DiskInfo {
  readonly persistence?: { readonly id: string; readonly principal?: string };
  readonly volume?: Volume;
  readonly source?: {
    readonly type: 'PATH' | 'MOUNT' | 'BLOCK' | 'RAW';
    readonly path?: { readonly root?: string };
    readonly mount?: { readonly root?: string };
    readonly vendor?: string;
    readonly id?: string;
    readonly metadata?: Labels;
    readonly profile?: string;
  };
}
