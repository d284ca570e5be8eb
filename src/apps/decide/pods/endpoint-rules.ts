import type { PodDraft, PodEndpoint } from '../../pod.js';
import { networkMode } from '../normalize-app.js';
import { labelFindings } from '../rules/command.js';
import type { Finding } from '../rules/rule.js';

/** Every rule about the endpoints of a pod: each by itself, and all of its containers together. */
export function* endpointFindings({ containers, networks = [] }: PodDraft): Iterable<Finding> {
  const names = networks.flatMap(({ mode, name }) =>
    mode === 'container' && name !== undefined ? [name] : [],
  );
  const isHost = networkMode(networks) === 'host';
  for (const [index, { endpoints = [] }] of containers.entries()) {
    for (const [place, endpoint] of endpoints.entries()) {
      const at = `/containers(${index})/endpoints(${place})`;
      yield* portFindings(endpoint, isHost, at);
      yield* networkNameFindings(endpoint, names, at);
      yield* labelFindings(endpoint.labels ?? {}, `${at}/labels`);
    }
  }
  yield* duplicates(containers.flatMap(({ endpoints = [] }) => endpoints));
}

function* portFindings(
  { containerPort, protocol = [] }: PodEndpoint,
  isHost: boolean,
  at: string,
): Iterable<Finding> {
  const path = `${at}/containerPort`;
  if (isHost && containerPort !== undefined) {
    const hint = 'Give `hostPort` instead, or a network of mode container or container/bridge.';
    yield [path, 'is not allowed when using host-mode networking', 'network', hint];
  }
  if (!isHost && containerPort === undefined) {
    const hint = 'The port that the program listens on inside its container.';
    yield [path, 'is required when using container-mode networking', 'network', hint];
  }
  if (new Set(protocol).size !== protocol.length) {
    const text = 'Duplicate protocols within the same endpoint are not allowed';
    yield [`${at}/protocol`, text, 'duplicate', 'Name each protocol once.'];
  }
}

function* networkNameFindings(
  { hostPort, networkNames }: PodEndpoint,
  names: readonly string[],
  at: string,
): Iterable<Finding> {
  if (names.length > 1 && hostPort !== undefined && networkNames?.length !== 1) {
    const text =
      'networkNames must be a single item list when hostPort is specified and more than 1 container network is defined';
    yield [at, text, 'network', `A host port leads to one network: "networkNames": ["${names[0] ?? ''}"].`];
  }
  for (const [index, name] of (networkNames ?? []).entries()) {
    if (names.includes(name)) continue;
    const text = `is not one of (${names.join(',')})`;
    yield [`${at}/networkNames(${index})`, text, 'network', 'Name one of the pod’s `networks`.'];
  }
}

/** All containers of a pod share their addresses, so names and ports must differ between them. */
function* duplicates(endpoints: readonly PodEndpoint[]): Iterable<Finding> {
  const repeats = (values: readonly unknown[]): boolean => new Set(values).size !== values.length;
  const ports = (field: 'containerPort' | 'hostPort'): readonly number[] =>
    endpoints.flatMap((endpoint) => endpoint[field] || []);
  if (repeats(endpoints.map(({ name }) => name))) {
    const hint = 'Give every endpoint a name of its own.';
    // Marathon's own spelling: clients may compare it.
    yield ['/', 'endpoint names nust be unique across all containers', 'duplicate', hint];
  }
  if (repeats(ports('containerPort'))) {
    const hint = 'The containers of a pod share their network.';
    yield ['/', 'container ports must be unique across all containers', 'duplicate', hint];
  }
  if (repeats(ports('hostPort'))) {
    yield ['/', 'host ports must be unique across all containers', 'duplicate', 'Give 0 for any.'];
  }
}
