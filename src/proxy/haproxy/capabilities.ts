import type { CannotRoute, RoutingCapabilities } from '../../apps/decide/routing-capabilities.js';
import type { PortRouting } from '../../apps/port-routing.js';
import { isPlainName } from './decide/escape.js';

/** Why a name is refused that would stand inside an expression of HAProxy's configuration. */
const NAME = 'HAProxy takes letters, digits, dots, dashes and underscores in names.';

/** What the HAProxy plane does not do of what the built-in load balancer does. Empty: everything that is asked for works. */
export const haproxyCannot: RoutingCapabilities = ({ routing, protocol }) => {
  const found: CannotRoute[] = [];
  const no = (member: string, why: string): void => void found.push({ member, why });
  if (protocol !== 'tcp') no('udp', 'HAProxy carries no datagrams; the built-in load balancer does.');
  if (routing.vhosts.length > 0) {
    const { clientMs, clientFinMs, httpRequestMs, httpKeepAliveMs } = routing.timeouts ?? {};
    const limits = {
      client: clientMs,
      clientFin: clientFinMs,
      httpRequest: httpRequestMs,
      httpKeepAlive: httpKeepAliveMs,
    };
    for (const [name, ms] of Object.entries(limits))
      if (ms !== undefined)
        no(
          `timeouts.${name}`,
          'All virtual hosts of HAProxy share one time limit for clients (--lb-timeouts).',
        );
  }
  if (routing.ejection?.panicThreshold !== undefined)
    no('ejection.panicThreshold', 'HAProxy has no threshold above which it overlooks failures.');
  if (routing.ejection?.longestMs !== undefined) no('ejection.longest', 'HAProxy checks at equal intervals.');
  if (routing.balanceHeader !== undefined && !isPlainName(routing.balanceHeader)) no('balanceHeader', NAME);
  for (const name of namesIn(routing)) if (!isPlainName(name)) no(name, NAME);
  return found;
};

function namesIn({ match, rules }: PortRouting): readonly string[] {
  return [
    ...Object.keys(match?.headers ?? {}),
    ...Object.keys(match?.cookies ?? {}),
    ...[rules?.requestHeaders, rules?.responseHeaders].flatMap((each) => [
      ...Object.keys(each?.set ?? {}),
      ...(each?.remove ?? []),
    ]),
  ];
}
