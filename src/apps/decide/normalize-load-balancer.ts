import type { AppInput } from '../app-input.js';
import type { LoadBalancerOptions, PortOptions } from '../load-balancer-options.js';
import { optional, unlessEmpty } from './members.js';

type LoadBalancerInput = NonNullable<AppInput['loadBalancer']>;

/**
 * What was given, without what says nothing: nulls, empty lists and empty objects. Every port says which it is; one that does
 * not is that of its place in the list.
 */
export function normalizeLoadBalancer(input: AppInput['loadBalancer']): LoadBalancerOptions | undefined {
  if (!input) return undefined;
  const { drainSeconds, groups, deploymentGroup } = input;
  return unlessEmpty({
    ...optional('drainSeconds', drainSeconds),
    ...optional('groups', unlessEmpty(groups)),
    ...optional('deploymentGroup', deploymentGroup),
    ...optional('ports', unlessEmpty(input.ports?.map(portOptions))),
  });
}

function portOptions(input: NonNullable<LoadBalancerInput['ports']>[number], place: number): PortOptions {
  const { portIndex, portName, ...rest } = input;
  const which =
    portName === null || portName === undefined
      ? { portIndex: portIndex ?? place }
      : { portName, ...optional('portIndex', portIndex) };
  // The shape is the contract's; only nulls and what is empty goes.
  return { ...which, ...(meaningful(rest) as PortOptions | undefined) };
}

function meaningful(value: unknown): unknown {
  if (value === null || value === undefined) return undefined;
  if (Array.isArray(value)) return unlessEmpty(value.map(meaningful).filter((each) => each !== undefined));
  if (typeof value !== 'object') return value;
  const members = Object.entries(value)
    .map(([name, member]) => [name, meaningful(member)] as const)
    .filter(([, member]) => member !== undefined);
  return unlessEmpty(Object.fromEntries(members));
}
