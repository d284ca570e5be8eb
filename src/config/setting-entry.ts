import type { Settings } from './settings.js';

/** What a value from a flag, variable or file must look like; each says in a sentence what is allowed. */
export type SettingKind =
  | { readonly kind: 'text' }
  | { readonly kind: 'flag' }
  | { readonly kind: 'port' }
  | { readonly kind: 'whole'; readonly min: number; readonly max: number }
  | { readonly kind: 'port-range' }
  | { readonly kind: 'one-of'; readonly values: readonly string[] }
  /** `user:password`, or `@` and the path of a file that holds it. */
  | { readonly kind: 'credentials' };

export interface SettingEntry {
  readonly name: keyof Settings;
  /** Without the dashes: `http-port`. */
  readonly flag: string;
  readonly kind: SettingKind;
  readonly help: string;
  readonly fallback: (context: DefaultsContext) => Settings[keyof Settings];
}

/** What defaults depend on. */
export interface DefaultsContext {
  readonly root: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly home: string;
}

export const text = { kind: 'text' } as const;
export const flag = { kind: 'flag' } as const;
export const port = { kind: 'port' } as const;
export const whole = (min: number, max: number): SettingKind => ({ kind: 'whole', min, max });
