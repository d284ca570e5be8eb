import { type Honour, honourOf, isKnownField, readOnlyFields } from '../honour-table.js';
import { isFilled, isObject, type JsonObject, objectsOf, without, withoutNulls } from './json-value.js';

/** What is said of one field or label of an app. */
export interface Note {
  /** `role`, `label HAPROXY_0_PATH`. */
  readonly what: string;
  readonly honour: Honour;
  readonly why: string;
  readonly todo: string;
}

/** An app of the source as longrun takes it. */
export interface TranslatedApp {
  readonly id: string;
  readonly definition: JsonObject;
  readonly notes: readonly Note[];
}

/**
 * A definition that was read from a Marathon of any release, as one that can be sent: what only reads show is left out, and
 * forms that a release shows twice (`ports` beside `portDefinitions`, `uris` beside `fetch`) are reduced to one. Service
 * ports stay. What is deprecated but said once stays as it is: who reads definitions for the server knows it.
 */
export function translateApp(read: JsonObject): TranslatedApp {
  const app = withoutNulls(without(read, ...readOnlyFields)) as JsonObject;
  const id = typeof app['id'] === 'string' ? app['id'] : '';
  const steps = [
    oneFormOfFiles,
    oneFormOfMappings,
    oneFormOfNetworks,
    oneFormOfPorts,
    knownRoles,
    checksWithoutPorts,
  ];
  const definition = steps.reduce((done, step) => step(done), app);
  return {
    id,
    definition: Object.fromEntries(Object.entries(definition).filter(([name]) => isKnownField(name))),
    notes: [...fieldNotes(app, definition), ...labelNotes(app['labels'])],
  };
}

function* fieldNotes(app: JsonObject, definition: JsonObject): Iterable<Note> {
  for (const name of Object.keys(app)) {
    const { honour, why, todo } = honourOf('field', name);
    // A translated field at its neutral value says nothing.
    const isSilent =
      honour === 'translated' && (isNeutral(app[name]) || (name in definition && isRoleField(name)));
    if (!isSilent) yield { what: name, honour, why, todo };
  }
}

const isRoleField = (name: string): boolean => name === 'role' || name === 'acceptedResourceRoles';
const isNeutral = (value: unknown): boolean => value === '*' || (Array.isArray(value) && value.length === 0);

function* labelNotes(labels: unknown): Iterable<Note> {
  if (!isObject(labels)) return;
  for (const name of Object.keys(labels)) {
    const { honour, why, todo } = honourOf('label', name);
    yield { what: `label ${name}`, honour, why, todo };
  }
}

/** `fetch`, `uris` and `storeUrls` name the same files; a release shows some or all of them. */
function oneFormOfFiles(app: JsonObject): JsonObject {
  const { uris, storeUrls } = app;
  const rest = without(app, 'uris', 'storeUrls');
  if (isFilled(app['fetch'])) return rest;
  const all = [...(isFilled(uris) ? uris : []), ...(isFilled(storeUrls) ? storeUrls : [])];
  return all.length > 0 ? { ...without(rest, 'fetch'), uris: all } : rest;
}

/** Mappings beside `container.docker` win over those in it. */
function oneFormOfMappings(app: JsonObject): JsonObject {
  const { container } = app;
  if (!isObject(container) || !isObject(container['docker'])) return app;
  const { docker } = container;
  if (!isFilled(container['portMappings']) || !isFilled(docker['portMappings'])) return app;
  return { ...app, container: { ...container, docker: without(docker, 'portMappings') } };
}

/** `networks` win over what they replaced. */
function oneFormOfNetworks(app: JsonObject): JsonObject {
  if (!isFilled(app['networks'])) return app;
  const { container, ...rest } = without(app, 'ipAddress');
  if (!isObject(container) || !isObject(container['docker']))
    return container === undefined ? rest : { ...rest, container };
  return { ...rest, container: { ...container, docker: without(container['docker'], 'network') } };
}

/**
 * Releases up to 1.4 show `ports` and `portDefinitions` with every app; with a network of its own these are the service
 * ports of its mappings, which has them already or else gets them, and today refuses `portDefinitions`.
 */
function oneFormOfPorts(app: JsonObject): JsonObject {
  if (usesHostNetwork(app)) return Array.isArray(app['portDefinitions']) ? without(app, 'ports') : app;
  const defined = objectsOf(app['portDefinitions']).map(({ port }) => port);
  const ports = isFilled(app['ports']) ? app['ports'] : defined;
  const rest = without(app, 'ports', 'portDefinitions', 'requirePorts');
  const { container } = rest;
  if (!isObject(container)) return rest;
  return { ...rest, container: withServicePorts(container, ports) };
}

function withServicePorts(container: JsonObject, ports: readonly unknown[]): JsonObject {
  const given = (mappings: unknown): readonly JsonObject[] =>
    objectsOf(mappings).map((mapping, index) => {
      const { servicePort } = mapping;
      const port = ports[index];
      return servicePort === undefined || servicePort === 0
        ? { ...mapping, ...(typeof port === 'number' ? { servicePort: port } : {}) }
        : mapping;
    });
  const { docker } = container;
  return {
    ...container,
    ...(isFilled(container['portMappings']) ? { portMappings: given(container['portMappings']) } : {}),
    ...(isObject(docker) && isFilled(docker['portMappings'])
      ? { docker: { ...docker, portMappings: given(docker['portMappings']) } }
      : {}),
  };
}

function usesHostNetwork({ networks, ipAddress, container }: JsonObject): boolean {
  if (isFilled(networks)) return objectsOf(networks).every(({ mode }) => mode === 'host');
  if (isObject(ipAddress)) return false;
  const docker = isObject(container) ? container['docker'] : undefined;
  const network = isObject(docker) ? docker['network'] : undefined;
  return network === undefined || network === 'HOST' || network === 'NONE';
}

/** An app may have the default role, or the name of its top-level group, and resources of those two. */
function knownRoles(app: JsonObject): JsonObject {
  const { id, role, acceptedResourceRoles: accepted } = app;
  const known = ['*', String(id).split('/')[1]];
  const isOther = role !== undefined && !(typeof role === 'string' && known.includes(role));
  const allowed = isOther ? ['*'] : ['*', role ?? '*'];
  const isWrong =
    Array.isArray(accepted) && (accepted.length === 0 || accepted.some((name) => !allowed.includes(name)));
  return without(
    app,
    'residency',
    ...(isOther ? ['role'] : []),
    ...(isWrong ? ['acceptedResourceRoles'] : []),
  );
}

/** Old releases write a port index into checks that run a command. */
function checksWithoutPorts(app: JsonObject): JsonObject {
  const { healthChecks } = app;
  if (!isFilled(healthChecks)) return app;
  return {
    ...app,
    healthChecks: healthChecks.map((check) =>
      isObject(check) && check['protocol'] === 'COMMAND'
        ? without(check, 'port', 'portIndex', 'path')
        : check,
    ),
  };
}
