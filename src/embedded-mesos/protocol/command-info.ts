import type { DurationInfo, Secret } from './values.js';

/** `type` SECRET carries `secret` and no `value`; VALUE (the default) carries `value`. */
export interface EnvironmentVariable {
  readonly name: string;
  readonly type?: 'VALUE' | 'SECRET';
  readonly value?: string;
  readonly secret?: Secret;
}

export interface CommandUri {
  readonly value: string;
  readonly executable?: boolean;
  readonly extract?: boolean;
  readonly cache?: boolean;
  readonly output_file?: string;
}

export interface CommandInfo {
  readonly uris?: readonly CommandUri[];
  readonly environment?: { readonly variables: readonly EnvironmentVariable[] };
  /** True (default): `value` runs as `/bin/sh -c value`. False: `value` is the program, `arguments` its argv with argv[0]. */
  readonly shell?: boolean;
  readonly value?: string;
  readonly arguments?: readonly string[];
  readonly user?: string;
}

export interface KillPolicy {
  readonly grace_period?: DurationInfo;
}
