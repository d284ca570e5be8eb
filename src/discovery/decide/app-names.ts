import type { AppId } from '../../apps/app.js';

/** RFC 1035, 2.3.4. */
const MAX_LABEL = 63;

/**
 * The names of an app below its framework's domain: the elements of its id from the last to the first, as labels of their
 * own (`/shop/cart` is `cart.shop`) and, as Mesos-DNS has it for Marathon, in one label (`cart-shop`). The first one is the
 * app's own; the second serves it only where no other app owns that name.
 */
export function appNames(appId: AppId): { readonly own: string; readonly alias: string } {
  const elements = appId.split('/').filter(Boolean).reverse();
  const own = elements
    .flatMap((element) => element.split('.'))
    .map(hostLabel)
    .join('.');
  return { own, alias: hostLabel(elements.join('-').replaceAll('.', '-')) };
}

/** A legal host label (RFC 1123, 2.1): lower case letters, digits and inner hyphens, at most 63. */
export function hostLabel(text: string): string {
  const label = text
    .toLowerCase()
    .replace(/[^a-z0-9-]/g, '-')
    .slice(0, MAX_LABEL)
    .replace(/^-+|-+$/g, '');
  return label === '' ? 'x' : label;
}

/**
 * The name of one task's host as Mesos-DNS makes it: the app, five letters that depend on the task's id, and the last part of
 * the agent's id: `cart-shop-a1b2c-s0`. `digest` is a hash of the task id in lower case letters and digits.
 */
export function taskLabel(alias: string, digest: string, agentId: string): string {
  const agent = hostLabel(agentId.slice(agentId.lastIndexOf('-') + 1));
  const tail = `-${digest.slice(0, 5)}-${agent}`;
  return hostLabel(`${alias.slice(0, MAX_LABEL - tail.length)}${tail}`);
}
