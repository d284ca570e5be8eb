import type { RequestHandler } from 'express';
import { CatalogError } from '../errors/registry.js';
import { dispatch } from './middleware/methods.js';
import { segmentsOf } from './request-path.js';
import { sendJson } from './write-json.js';

/** Longest part of an unknown plugin's name that is shown back. */
const MAX_ECHO = 200;

/** `/v2/plugins` and whatever a plugin would serve below it. longrun loads no code of others, so the list is empty. */
export function pluginsRouter(): RequestHandler {
  return (request, response) => {
    const [pluginId] = segmentsOf(request);
    if (pluginId !== undefined)
      throw new CatalogError('plugin-not-found', { id: pluginId.slice(0, MAX_ECHO) });
    return dispatch({ GET: (_request, answer) => sendJson(answer, 200, { plugins: [] }) }, request, response);
  };
}
