import { fieldValues } from '../decide/head-lines.js';
import { NoRoute } from './data-plane.js';
import { IngressPort } from './ingress.js';
import type { LiveService } from './live-service.js';

/** marathon-lb's name for the frontend whose requests name their app. */
export const APP_ID_FRONTEND = 'marathon_http_appid_in';

/** marathon-lb's header, and one of ours for apps with several ports; in lower case. */
const APP_ID = 'x-marathon-app-id';
const PORT_INDEX = 'x-longrun-port-index';

/** The port where a request names its app in a header instead of a virtual host: `X-Marathon-App-Id: /shop/web`. */
export class AppIdPort extends IngressPort {
  override get byVhost(): boolean {
    return false;
  }

  override route(_host: string, _target: string, lines = ''): LiveService | NoRoute {
    const [appId, ...more] = fieldValues(lines, APP_ID);
    if (!appId || more.length > 0)
      return new NoRoute(
        404,
        `requests to this port name one app in X-Marathon-App-Id, this one names ${appId ? 'several' : 'none'}`,
        'unknown-app',
      );
    const [index] = fieldValues(lines, PORT_INDEX);
    if (index !== undefined && !/^\d{1,4}$/.test(index))
      return new NoRoute(404, 'X-Longrun-Port-Index is not the index of a port', 'unknown-app');
    return this.routes.byApp(appId, index === undefined ? undefined : Number(index));
  }
}
