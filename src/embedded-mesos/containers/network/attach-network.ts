import type { ContainerHost } from '../container-host.js';
import type { ContainerSpec } from '../containerizer.js';

/**
 * Makes a container's own network and tells its name, or `ended` when the container came to its end meanwhile: then everything
 * is taken away again. Throws why it cannot be had.
 */
export async function attachNetwork(
  { bridges, namespaces }: ContainerHost,
  id: string,
  bridge: NonNullable<ContainerSpec['bridge']>,
  ended: () => boolean,
): Promise<string | 'ended'> {
  if (!bridges || !namespaces.own)
    throw new Error(
      `it asks for a network of its own, but ${namespaces.gaps.join('; ') || 'this agent makes none'}`,
    );
  const name = await bridges.attach(id, bridge);
  if (!ended()) return name;
  await bridges.detach(id);
  return 'ended';
}
