/** The small values that Mesos's v1 messages are made of. */

export interface Value<T> {
  readonly value: T;
}
export type IdValue = Value<string>;

export interface Label {
  readonly key: string;
  readonly value?: string;
}
export interface Labels {
  readonly labels: readonly Label[];
}

export interface Parameter {
  readonly key: string;
  readonly value: string;
}
export interface Parameters {
  readonly parameter?: readonly Parameter[];
}

/** Inclusive at both ends. */
export interface Range {
  readonly begin: number;
  readonly end: number;
}
export interface Ranges {
  readonly range: readonly Range[];
}
export type ValueType = 'SCALAR' | 'RANGES' | 'SET' | 'TEXT';

export interface Attribute {
  readonly name: string;
  readonly type: ValueType;
  readonly scalar?: Value<number>;
  readonly ranges?: Ranges;
  readonly set?: { readonly item: readonly string[] };
  readonly text?: Value<string>;
}

/** Nanoseconds since the epoch. Beyond 2^53 the last digits are lost in a number; they are informational. */
export interface TimeInfo {
  readonly nanoseconds: number;
}
export interface DurationInfo {
  readonly nanoseconds: number;
}

export interface Address {
  readonly hostname?: string;
  readonly ip?: string;
  readonly port: number;
}

export interface Url {
  readonly scheme: string;
  readonly address: Address;
  readonly path?: string;
  readonly query?: readonly Parameter[];
  readonly fragment?: string;
}

/** A planned outage of a machine; no duration = until told otherwise. */
export interface Unavailability {
  readonly start: TimeInfo;
  readonly duration?: DurationInfo;
}

export interface DomainInfo {
  readonly fault_domain?: {
    readonly region: { readonly name: string };
    readonly zone: { readonly name: string };
  };
}

/** A secret by reference or by value (base64). */
export interface Secret {
  readonly type?: 'REFERENCE' | 'VALUE';
  readonly reference?: { readonly name: string; readonly key?: string };
  readonly value?: { readonly data: string };
}
