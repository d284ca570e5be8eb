import { RecentRequests } from './recent-requests.js';
import { Unreported } from './unreported.js';

/** How requests to one server went lately; made with the first of them. */
export class ServerTraffic {
  readonly recent = new RecentRequests();
  readonly unreported = new Unreported();
  /** It waits to be told to the server of longrun. */
  waiting = false;
}
