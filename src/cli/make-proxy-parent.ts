import { dirname, join } from 'node:path';
import type { Settings } from '../config/settings.js';
import { HaproxyParent } from '../proxy/listeners/haproxy-parent.js';
import { ProxyParent, type ProxyParentOptions, type ProxyStarted } from '../proxy/listeners/proxy-parent.js';

/** Whoever keeps a load balancer running, whatever carries the traffic. */
export interface BalancerParent {
  start(): Promise<ProxyStarted>;
  stop(how: { readonly leaveWorkers: boolean }): Promise<void>;
  pids(): number[];
}

/** `options.workerEntry` is the built-in load balancer's; the process beside HAProxy has its file next to it. */
export function makeProxyParent(
  settings: Pick<Settings, 'lb' | 'haproxyPath' | 'lbRawLabels'>,
  options: ProxyParentOptions,
): BalancerParent {
  if (settings.lb !== 'haproxy') return new ProxyParent(options);
  return new HaproxyParent({
    ...options,
    workerEntry: join(dirname(options.workerEntry), 'haproxy-main.js'),
    rawLabels: settings.lbRawLabels,
    ...(settings.haproxyPath !== undefined && { haproxyPath: settings.haproxyPath }),
  });
}
