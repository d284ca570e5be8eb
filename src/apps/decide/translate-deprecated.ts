import type { App } from '../app.js';
import type { AppInput, DefinitionSettings } from '../app-input.js';
import { type ContainerInput, modernContainer } from './historical-container.js';
import { namesArchive } from './uri-syntax.js';

type NetworkInput = NonNullable<AppInput['networks']>[number];
type PortMappingInput = NonNullable<ContainerInput['portMappings']>[number];

/**
 * Deprecated members as what they stand for today (Marathon reference 2.5, steps 2 to 6): `uris`, `ports`, `ipAddress`,
 * `container.docker.network`, `container.docker.portMappings`, and the `container` of 2014. `residency` goes: being
 * resident follows from the volumes. Everything else stays as it is.
 *
 * `current`: what the input will be merged into; its networking counts where the input names none.
 */
export function translateDeprecated(
  input: AppInput,
  current: Pick<App, 'networks'> | undefined,
  settings: DefinitionSettings,
): AppInput {
  const { uris, ports, ipAddress, residency, ...rest } = input;
  const networks = translatedNetworks(input, settings);
  const isHost = (networks ?? current?.networks ?? []).every(({ mode }) => mode === 'host');
  const container = translatedContainer(input, isHost);
  return {
    ...rest,
    ...(uris?.length ? { fetch: uris.map((uri) => ({ uri, extract: namesArchive(uri) })) } : {}),
    ...(networks ? { networks } : {}),
    ...translatedPorts(input, container, isHost),
  };
}

function translatedNetworks(
  { networks, container, ipAddress }: AppInput,
  { bridgeName }: DefinitionSettings,
): readonly NetworkInput[] | undefined {
  if (networks?.length) return networks;
  const network = container?.docker?.network;
  const labels = ipAddress?.labels ? { labels: ipAddress.labels } : {};
  if (network === 'HOST') return [{ mode: 'host' }];
  if (network === 'BRIDGE') return [{ mode: 'container/bridge', ...labels }];
  if (!ipAddress) return network === 'USER' ? [{ mode: 'container' }] : (networks ?? undefined);
  const name = ipAddress.networkName;
  if (!network && name && name === (bridgeName ?? 'mesos-bridge')) {
    return [{ mode: 'container/bridge', ...labels }];
  }
  return [{ mode: 'container', ...(name ? { name } : {}), ...labels }];
}

function translatedContainer(
  { container, ipAddress }: AppInput,
  isHost: boolean,
): ContainerInput | undefined {
  const discovered = ipAddress?.discovery?.ports?.map(
    ({ number, name, protocol, labels }): PortMappingInput => ({
      containerPort: number,
      name,
      ...(protocol ? { protocol } : {}),
      ...(labels ? { labels } : {}),
    }),
  );
  const { docker, ...rest }: ContainerInput = container
    ? modernContainer(container)
    : ipAddress
      ? { type: 'MESOS' }
      : {};
  if (!container && !ipAddress) return undefined;
  const { network, portMappings: dockerMappings, credential, ...image } = docker ?? {};
  const mappings = rest.portMappings ?? (isHost ? undefined : (dockerMappings ?? discovered));
  return {
    ...rest,
    ...(docker ? { docker: { ...image, image: docker.image } } : {}),
    ...(mappings ? { portMappings: mappings } : {}),
  };
}

/**
 * `ports` as the port definitions they stand for. A container with ports of its own has none: it gets a blank mapping
 * for every port beyond those that it maps.
 */
function translatedPorts(
  { ports, portDefinitions }: AppInput,
  container: ContainerInput | undefined,
  isHost: boolean,
): Pick<AppInput, 'portDefinitions' | 'container'> {
  const kept = container ? { container } : {};
  if (!ports || (portDefinitions && isHost)) return kept;
  if (isHost) {
    return { ...kept, portDefinitions: ports.map((port) => ({ port, protocol: 'tcp' as const })) };
  }
  if (!container) return kept;
  const mappings = container.portMappings ?? [];
  if (ports.length <= mappings.length) return kept;
  const blanks = ports.slice(mappings.length).map((): PortMappingInput => ({}));
  return { container: { ...container, portMappings: [...mappings, ...blanks] } };
}
