/**
 * What somebody may do to the apps and groups below a path. `admin` includes all others, `deploy` and `exec` include `view`.
 * `admin` on `/` also covers the server itself: tokens, audit trail, configuration, leadership, shutdown.
 */
export type Right = 'view' | 'deploy' | 'exec' | 'admin';

export const rights: readonly Right[] = ['view', 'deploy', 'exec', 'admin'];

/** A right on a group (or app) and everything below it; `path` is absolute, without trailing slash: `/`, `/shop`, `/shop/web`. */
export interface Grant {
  readonly right: Right;
  readonly path: string;
}

/**
 * Who asks. `operator`: holder of the work dir's token; `user`: by `--http-credentials`; `token`: by a token of `/v2/tokens`;
 * `anyone`: nobody had to say who they are; `nobody`: somebody who had to and did not.
 */
export type PrincipalKind = 'operator' | 'user' | 'token' | 'anyone' | 'nobody';

export interface Principal {
  readonly name: string;
  readonly kind: PrincipalKind;
  readonly grants: readonly Grant[];
  /** Of kind `token`: which. */
  readonly tokenId?: string;
}

const everything: readonly Grant[] = [{ right: 'admin', path: '/' }];

export const operatorPrincipal: Principal = { name: 'operator', kind: 'operator', grants: everything };

/** Everybody, on a server that asks nobody who they are. */
export const anyonePrincipal: Principal = { name: 'anyone', kind: 'anyone', grants: everything };

/** Somebody who has not said who they are where that is needed. */
export const nobodyPrincipal: Principal = { name: 'nobody', kind: 'nobody', grants: [] };

/** The user of `--http-credentials`. */
export function userPrincipal(name: string): Principal {
  return { name, kind: 'user', grants: everything };
}

/** Names that a token cannot have: the audit trail would be ambiguous. */
export const reservedNames: ReadonlySet<string> = new Set(['operator', 'anyone', 'nobody']);
