import type { App } from '../../apps/app.js';
import { isSecretVolume } from '../../apps/container.js';
import { secretPathOf } from './secret-path.js';

/** How one app uses secrets. */
export interface SecretUses {
  /** All of them. */
  readonly paths: ReadonlySet<string>;
  /** Those whose new value only a new process can see. */
  readonly restart: ReadonlySet<string>;
}

type UsingApp = Pick<App, 'id' | 'env' | 'secrets' | 'container'>;

const nothing: SecretUses = { paths: new Set(), restart: new Set() };

/** A secret that is only named in `secrets` counts as used: whoever wrote it there expects it to be there. */
export function secretUses(app: UsingApp): SecretUses {
  const { secrets } = app;
  if (secrets === undefined) return nothing;
  const pathOf = (name: string): readonly string[] => {
    const source = secrets[name]?.source;
    return source === undefined ? [] : [secretPathOf(app.id, source)];
  };
  const fixedFiles = (app.container?.volumes ?? []).filter(isSecretVolume).filter(({ refresh }) => !refresh);
  const names = [
    ...Object.values(app.env).flatMap((value) => (typeof value === 'string' ? [] : [value.secret])),
    ...fixedFiles.map(({ secret }) => secret),
  ];
  return { paths: new Set(Object.keys(secrets).flatMap(pathOf)), restart: new Set(names.flatMap(pathOf)) };
}
