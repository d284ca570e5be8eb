import type { PortRouting } from '../../apps/port-routing.js';
import { isPlainName } from './decide/escape.js';

/** What of a port's routing HAProxy cannot be told, by the names that people write, with the reason. */
export interface Incapacity {
  readonly member: string;
  readonly reason: string;
}

type Asked = Partial<PortRouting> & { readonly udp?: 'too' | 'only' };

/**
 * What the HAProxy plane does not do of what the built-in load balancer does. Empty: everything that is asked for works.
 */
export function incapacities(asked: Asked): readonly Incapacity[] {
  const found: Incapacity[] = [];
  const no = (member: string, reason: string): void => void found.push({ member, reason });
  if (asked.udp !== undefined) no('udp', 'HAProxy carries no datagrams');
  if (asked.tls !== undefined) no('tls', 'TLS is terminated by the built-in load balancer only');
  const { timeouts, ejection, match, balanceHeader, rules } = asked;
  if ((asked.vhosts?.length ?? 0) > 0)
    for (const [member, ms] of [
      ['timeouts.client', timeouts?.clientMs],
      ['timeouts.clientFin', timeouts?.clientFinMs],
      ['timeouts.httpRequest', timeouts?.httpRequestMs],
      ['timeouts.httpKeepAlive', timeouts?.httpKeepAliveMs],
    ] as const)
      if (ms !== undefined)
        no(member, 'all virtual hosts of HAProxy share one time limit for clients (--lb-timeouts)');
  if (ejection?.panicThreshold !== undefined)
    no('ejection.panicThreshold', 'HAProxy has no threshold above which it overlooks failures');
  if (ejection?.longestMs !== undefined) no('ejection.longest', 'HAProxy checks at equal intervals');
  if (balanceHeader !== undefined && !isPlainName(balanceHeader))
    no('balanceHeader', 'HAProxy takes letters, digits, dots, dashes and underscores here');
  const names = [
    ...Object.keys(match?.headers ?? {}),
    ...Object.keys(match?.cookies ?? {}),
    ...[rules?.requestHeaders, rules?.responseHeaders].flatMap((each) => [
      ...Object.keys(each?.set ?? {}),
      ...(each?.remove ?? []),
    ]),
  ];
  for (const name of names)
    if (!isPlainName(name)) no(name, 'HAProxy takes letters, digits, dots, dashes and underscores in names');
  return found;
}
