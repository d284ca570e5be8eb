import type { Network } from '../../app.js';
import { canonicalJson } from '../canonical-json.js';
import { type Finding, portsOf, type Rule } from './rule.js';

export const networks: Rule = function* ({ networks: given, container }) {
  yield* networkFindings(given);
  if (container?.type === 'DOCKER' && given.filter(({ mode }) => mode === 'container').length > 1) {
    const text = 'may only specify a single container network when using the Docker container engine';
    yield ['/networks', text, 'network', 'Keep one, or use the container type MESOS.'];
  }
};

/** What is wrong with the networks of an app or a pod by themselves. */
export function* networkFindings(given: readonly Network[]): Iterable<Finding> {
  for (const [index, { mode, name, labels }] of given.entries()) {
    const path = `/networks(${index})`;
    if (mode === 'host' && (name !== undefined || labels !== undefined)) {
      const hint = 'Leave `name` and `labels` out.';
      yield [path, 'Host networks may not have names or labels', 'network', hint];
    }
    if (mode === 'container/bridge' && name !== undefined) {
      yield [path, 'Bridge networks may not have names', 'network', 'Leave `name` out.'];
    }
    if (mode === 'container' && name === undefined) {
      const text = 'Network name must be specified when container network is selected.';
      yield [path, text, 'network', 'Give `name`, or use `"mode": "container/bridge"` or `"host"`.'];
    }
  }
  const kinds = given.map(({ mode, name }) => canonicalJson({ mode, name }));
  if (new Set(kinds).size !== kinds.length) {
    const hint = 'Name each network once.';
    yield ['/networks', 'Duplicate networks are not allowed', 'duplicate', hint];
  }
  if (given.length > 1 && given.some(({ mode }) => mode !== 'container')) {
    yield [
      '/networks',
      'May specify a single host network, single bridge network, or else 1-to-n container networks',
      'network',
      'Keep one, for instance `{"mode": "host"}`.',
    ];
  }
}

export const ports: Rule = function* (draft, input) {
  const isHost = draft.networks.every(({ mode }) => mode === 'host');
  if (isHost && input.container?.portMappings?.length) {
    yield [
      '/container/portMappings',
      'portMappings are not allowed with host-networking',
      'network',
      'Give `"networks": [{"mode": "container/bridge"}]`, or `portDefinitions` instead.',
    ];
  }
  if (!isHost && input.portDefinitions?.length) {
    const text = 'portDefinitions are only allowed with host-networking';
    const hint = 'Send `"portDefinitions": []`; the ports go into `container.portMappings`.';
    yield ['/portDefinitions', text, 'network', hint];
  }
  const path = isHost ? '/portDefinitions' : '/container/portMappings';
  const names = portsOf(draft).flatMap(({ name }) => (name === undefined ? [] : [name]));
  if (new Set(names).size !== names.length) {
    yield [path, 'Port names must be unique.', 'duplicate', 'Give every port a name of its own.'];
  }
  const fixed = draft.portDefinitions.map(({ port }) => port).filter((port) => port !== 0);
  if (new Set(fixed).size !== fixed.length) {
    yield [path, 'Ports must be unique.', 'duplicate', 'Name each port once; 0 means any.'];
  }
};

/** Which of several networks a port mapping is about. */
export const portMappings: Rule = function* ({ networks: given, container }): Iterable<Finding> {
  const names = given.flatMap(({ mode, name }) => (mode === 'container' && name !== undefined ? [name] : []));
  for (const [index, { hostPort, networkNames }] of (container?.portMappings ?? []).entries()) {
    const path = `/container/portMappings(${index})`;
    if (names.length > 1 && hostPort !== undefined && networkNames?.length !== 1) {
      yield [
        path,
        'networkNames must be a single item list when hostPort is specified and more than 1 container network is defined',
        'network',
        `A host port leads to one network: "networkNames": [${JSON.stringify(names[0])}].`,
      ];
    }
    for (const [at, name] of (networkNames ?? []).entries()) {
      if (names.includes(name)) continue;
      const text = `is not one of (${names.join(',')})`;
      yield [`${path}/networkNames(${at})`, text, 'network', 'Name one of the app’s `networks`.'];
    }
  }
};
