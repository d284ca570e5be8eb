import { blockList } from '../config/address-blocks.js';
import { readTimeouts } from '../config/balancer-timeouts.js';
import type { Settings } from '../config/settings.js';
import type { TrafficSettings } from '../proxy/listeners/worker-messages.js';

/** How workers of the load balancer treat traffic, from settings that were found valid when they were read. */
export function trafficSettings(
  settings: Pick<Settings, 'lbTimeouts' | 'lbAcceptProxy' | 'lbGroup'>,
): TrafficSettings {
  const timeouts = readTimeouts(settings.lbTimeouts);
  if (typeof timeouts === 'string') throw new Error(`'${timeouts}' is no time limit`);
  const groups = settings.lbGroup.split(/[\s,]+/).filter((group) => group !== '');
  return {
    timeouts,
    acceptProxyFrom: blockList(settings.lbAcceptProxy),
    ...(groups.length > 0 && !groups.includes('*') && { groups }),
  };
}
