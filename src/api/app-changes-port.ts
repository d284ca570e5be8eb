import type { AppId } from '../apps/app.js';
import type { Deployments } from '../deployments/deployment.js';

/** What a change is given to the deployments as: run at the moment of acceptance, synchronous and pure. */
export type Prepare = Parameters<Deployments['change']>[0];

/**
 * What the API asks of the apps room: requests' bodies in, prepared changes out. Every function throws (or its promise
 * rejects with) a CatalogError when the request is wrong: invalid-json, invalid-object, app-not-found, app-exists ...
 * Bodies are parsed JSON, not validated yet.
 */
export interface AppChanges {
  /** Whether anything reads a member of that name in a definition, an answer of ours sent back included. */
  knowsField?(name: string): boolean;
  createApp(body: unknown): Prepare | Promise<Prepare>;
  /** Bulk PUT: creates missing apps. */
  replaceApps(body: unknown, options: { readonly partialUpdate: boolean }): Prepare | Promise<Prepare>;
  /** Bulk PATCH: an unknown id fails everything with 404. */
  patchApps(body: unknown): Prepare | Promise<Prepare>;
  /** PUT (may create) or PATCH of one app. `appId` is as the client wrote it. */
  updateApp(
    appId: AppId,
    body: unknown,
    options: { readonly partialUpdate: boolean; readonly mayCreate: boolean },
  ): Prepare | Promise<Prepare>;
  /** JSON merge patch (RFC 7396) of an existing app: null takes a field back to its default. */
  mergePatchApp(appId: AppId, patch: unknown): Prepare;
  deleteApp(appId: AppId): Prepare;
  restartApp(appId: AppId): Prepare;
  /** Kill-and-scale: so many instances fewer per app, never below 0; one deployment. */
  scaleAppsDown(fewer: ReadonlyMap<AppId, number>): Prepare;
}
