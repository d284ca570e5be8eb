import type { AppId } from '../apps/app.js';
import { CatalogError } from '../errors/registry.js';
import { parseTimestamp } from '../util/timestamp.js';
import type { ApiContext } from './api-context.js';
import type { MethodTable } from './middleware/methods.js';
import { JSON_TYPE, sendJson, sendText } from './write-json.js';

/** `/v2/apps/{id}/versions`: newest first. */
export function answerVersions(context: ApiContext, appId: AppId): MethodTable {
  return {
    GET: (_request, response) => {
      const versions = context.registry.versions(appId);
      if (versions === undefined) throw new CatalogError('app-not-found', { id: appId });
      sendJson(response, 200, { versions });
    },
  };
}

/** `/v2/apps/{id}/versions/{version}`: the app as it was, not wrapped, without counters. */
export function answerVersion(context: ApiContext, appId: AppId, text: string): MethodTable {
  return {
    GET: async (_request, response) => {
      const version = parseTimestamp(text);
      if (version === undefined) {
        throw new CatalogError('invalid-argument', {
          reason: `Invalid timestamp provided '${text}'. Expecting ISO-8601 datetime string.`,
          hint: `GET /v2/apps${appId}/versions lists its versions.`,
        });
      }
      if (context.registry.get(appId) === undefined) throw new CatalogError('app-not-found', { id: appId });
      const record = await context.registry.version(appId, version);
      if (record === undefined) throw new CatalogError('app-version-not-found', { id: appId, version });
      sendText(response, 200, context.fragments.whole(record), JSON_TYPE);
    },
  };
}
