import type { Account } from '../containerizer.js';
import type { FetchItem } from '../decide/fetch-plan.js';

/** What the cache has of a file, and what it must be. */
export interface CachedCopy {
  /** A descriptor that the fetching process was born with. */
  readonly fd: number;
  readonly bytes: number;
  readonly sha256: string;
}

/** By what a server, or a file system, tells whether something is still what it was. */
export interface Validator {
  readonly etag?: string;
  readonly lastModified?: string;
  /** Of files of this host: size and time of change. */
  readonly stamp?: string;
}

interface FetchBounds {
  /** Absent: the agent's own. Everything is read and written as this user. */
  readonly account?: Account;
  /** Of one file, and of all that one archive unpacks to. */
  readonly limitBytes: number;
  /** So long no byte may come before a transfer counts as stalled. */
  readonly stallMs: number;
}

/** Puts all files of one task into its sandbox. */
export interface PlaceOrder extends FetchBounds {
  readonly type: 'place';
  readonly sandbox: string;
  readonly items: readonly (FetchItem & { readonly copy?: CachedCopy })[];
}

/** Loads one file into an open descriptor, unless it still is what `validator` says. */
export interface LoadOrder extends FetchBounds {
  readonly type: 'load';
  readonly uri: string;
  readonly shown: string;
  readonly fd: number;
  readonly validator?: Validator;
}

export type FetchOrder = PlaceOrder | LoadOrder;

/** What a fetching process says, one JSON text per line; the last one is none of `progress`. */
export type FetchSaying =
  | {
      readonly type: 'progress';
      readonly shown: string;
      readonly bytes: number;
      readonly totalBytes?: number;
      /** It is there and is unpacked, for so long. */
      readonly unpackingSeconds?: number;
    }
  | { readonly type: 'placed' }
  | {
      readonly type: 'loaded';
      readonly bytes: number;
      readonly sha256: string;
      readonly validator: Validator;
    }
  | { readonly type: 'unchanged' }
  /** `damaged`: which item's cached copy is not what it should be. `unreachable`: its server may have it all the same. */
  | {
      readonly type: 'failed';
      readonly message: string;
      readonly damaged?: number;
      readonly unreachable?: true;
      readonly tooLarge?: true;
    };

/** Why something cannot be fetched; the message is for people. */
export class FetchFailure extends Error {
  constructor(
    message: string,
    readonly more: { readonly damaged?: number; readonly unreachable?: true; readonly tooLarge?: true } = {},
  ) {
    super(message);
  }
}
