import type { RequestHandler } from 'express';
import { CatalogError } from '../errors/registry.js';
import { namesType } from './decide/accept.js';
import { queryText, queryTexts } from './decide/query.js';
import type { EventHub } from './event-stream/event-hub.js';
import { accessOf } from './middleware/access.js';
import { resource } from './middleware/methods.js';
import { queryOf } from './request-query.js';

const EVENT_STREAM_TYPE = 'text/event-stream';

/**
 * `/v2/events`. Without a literal `text/event-stream` in Accept it is 405, as with Marathon. `Last-Event-ID` (or the
 * query parameter `lastEventId`, for clients that cannot set headers) resumes after that event.
 */
export function eventsResource(hub: EventHub): RequestHandler {
  return resource(
    {
      GET: (request, response) => {
        if (!namesType(request.headers.accept, EVENT_STREAM_TYPE)) {
          response.setHeader('Allow', 'GET, HEAD, OPTIONS');
          throw new CatalogError('method-not-allowed', {
            allow: `GET with \`Accept: ${EVENT_STREAM_TYPE}\``,
          });
        }
        if (request.method === 'HEAD') {
          response.setHeader('Content-Type', EVENT_STREAM_TYPE);
          response.end();
          return;
        }
        const query = queryOf(request);
        const header = request.headers['last-event-id'];
        const lastEventId = (Array.isArray(header) ? header[0] : header) ?? queryText(query, 'lastEventId');
        const types = new Set(queryTexts(query, 'event_type'));
        hub.attach(request, response, {
          types,
          lastEventId: lastEventId === '' ? undefined : lastEventId,
          access: accessOf(request),
        });
      },
    },
    [],
  );
}
