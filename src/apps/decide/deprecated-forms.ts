import type { ErrorDetail } from '../../errors/registry.js';
import type { AppInput } from '../app-input.js';
import { historicalOptionProblems } from './historical-container.js';
import { uriProblem } from './uri-syntax.js';

type Finding = readonly [path: string, error: string, hint: string, code?: string];

/** Contradictions between a deprecated form and its successor, before anything is translated (Marathon reference 2.4). */
export function deprecatedFormProblems(input: AppInput): readonly ErrorDetail[] {
  const found = [...portProblems(input), ...uriProblems(input), ...networkProblems(input)];
  return [
    ...found.map(([path, error, hint, code]) => ({
      path,
      errors: [error],
      code: code ?? 'contradiction',
      hint,
    })),
    ...(input.container ? historicalOptionProblems(input.container) : []),
  ];
}

function* portProblems({ ports, portDefinitions }: AppInput): Iterable<Finding> {
  if (!ports) return;
  if (portDefinitions) {
    const defined = portDefinitions.map((definition) => definition.port ?? 0);
    if (ports.length !== defined.length || ports.some((port, index) => port !== defined[index])) {
      const hint = 'Leave the deprecated `ports` out.';
      yield ['/portDefinitions', 'cannot specify both ports and port definitions', hint];
    }
  }
  const fixed = ports.filter((port) => port !== 0);
  if (new Set(fixed).size !== fixed.length) {
    yield ['/ports', 'ports must be unique', 'Name each port once; 0 means any.', 'duplicate'];
  }
}

function* uriProblems({ uris, fetch }: AppInput): Iterable<Finding> {
  if (uris?.length && fetch?.length) {
    yield ['/uris', 'may not be set in conjunction with fetch', 'Move the `uris` into `fetch`.'];
  }
  for (const [index, uri] of (uris ?? []).entries()) {
    const hint = uriProblem(uri);
    if (hint !== undefined) yield [`/uris(${index})`, 'URI has invalid syntax.', hint, 'uri'];
  }
}

function* networkProblems({
  ipAddress,
  networks,
  container,
  ports,
  portDefinitions,
}: AppInput): Iterable<Finding> {
  const docker = container?.docker;
  if (ipAddress) {
    if (networks?.length) {
      const hint = 'Leave the deprecated `ipAddress` out.';
      yield ['/ipAddress', 'must not specify both networks and ipAddress', hint];
    }
    if (ports?.length || portDefinitions?.length) {
      const hint = 'Ports of a container with an address of its own go into `container.portMappings`.';
      yield ['/ipAddress', 'cannot specify both an IP address and port', hint];
    }
    if (ipAddress.discovery?.ports?.length && container && (container.type ?? 'DOCKER') === 'DOCKER') {
      const hint = 'Use `container.portMappings` instead.';
      yield [
        '/ipAddress/discovery',
        'ipAddress/discovery is not allowed for Docker containers',
        hint,
        'network',
      ];
    }
  }
  if (docker?.network && networks?.length) {
    const hint = 'Leave the deprecated `container.docker.network` out.';
    yield ['/container/docker/network', 'must not specify both container.docker.network and networks', hint];
  }
  if (docker?.network === 'NONE') {
    const hint = 'BRIDGE, HOST or USER; or, in the form of today, `networks`.';
    yield ['/container/docker/network', 'NONE is not supported', hint, 'network'];
  }
  if (docker?.portMappings?.length && container?.portMappings?.length) {
    const hint = 'Leave the deprecated `container.docker.portMappings` out.';
    const text = 'must not specify both container.docker.portMappings and container.portMappings';
    yield ['/container/docker/portMappings', text, hint];
  }
  if (docker?.credential) {
    const hint = 'Fetch the credentials as an archive (`fetch`), or name a secret in `pullConfig`.';
    yield ['/container/docker/credential', 'must be empty', hint, 'deprecated-form'];
  }
}
