import type { Schemas } from '../../api/contract/load-contract.js';
import { appPath, type RestClient, RestError } from './rest-client.js';

type AppTraffic = Schemas['AppTraffic'];
type Sums = Pick<AppTraffic, 'requestsPerSecond' | 'errorShare' | 'p50Ms' | 'p95Ms' | 'p99Ms'>;

/** How requests of the last minute went: a line, and one per version while there are several. None without requests. */
export async function trafficLines(client: RestClient, id: string): Promise<readonly string[]> {
  const traffic = await trafficOf(client, id);
  if (traffic === undefined || traffic.requests === 0) return [];
  const versions = traffic.versions.filter(({ version }) => version !== undefined);
  if (versions.length < 2) return [lineOf(traffic)];
  return [lineOf(traffic), ...versions.map((each) => `  ${each.version}: ${lineOf(each)}`)];
}

/** Undefined: a server that does not tell, or that no load balancer tells. */
async function trafficOf(client: RestClient, id: string): Promise<AppTraffic | undefined> {
  try {
    return await client.get<AppTraffic>(`${appPath(id)}/traffic`);
  } catch (error) {
    if (error instanceof RestError && error.status === 404) return undefined;
    throw error;
  }
}

function lineOf({ requestsPerSecond, errorShare, p50Ms, p95Ms, p99Ms }: Sums): string {
  const failed =
    errorShare === 0 ? 'none failed' : `${(errorShare * 100).toFixed(errorShare < 0.1 ? 2 : 0)} % failed`;
  const times =
    p50Ms === undefined || p95Ms === undefined || p99Ms === undefined
      ? ''
      : `, p50 ${short(p50Ms)}, p95 ${short(p95Ms)}, p99 ${short(p99Ms)}`;
  return `${requestsPerSecond.toFixed(requestsPerSecond < 10 ? 2 : 0)} requests/s, ${failed}${times}`;
}

const short = (ms: number): string =>
  ms >= 1_000 ? `${(ms / 1_000).toFixed(1)} s` : `${ms.toFixed(ms < 10 ? 1 : 0)} ms`;
