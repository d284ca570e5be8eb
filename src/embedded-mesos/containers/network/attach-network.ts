import type { ContainerHost } from '../container-host.js';
import type { ContainerSpec } from '../containerizer.js';

/**
 * Makes a container's own network and tells its name, or `ended` when the container came to its end meanwhile: then everything
 * is taken away again. Throws why it cannot be had.
 */
export async function attachNetwork(
  host: ContainerHost,
  id: string,
  bridge: NonNullable<ContainerSpec['bridge']>,
  ended: () => boolean,
): Promise<string | 'ended'> {
  const { bridges, namespaces } = host;
  if (!bridges || !namespaces.own)
    throw new Error(
      `it asks for a network of its own, but ${namespaces.gaps.join('; ') || 'this agent makes none'}`,
    );
  const name = await bridges.attach(id, bridge);
  // After a stop nothing is taken away: the next start takes it over.
  if (host.stopped) return 'ended';
  if (!ended()) return name;
  await bridges.detach(id);
  return 'ended';
}
