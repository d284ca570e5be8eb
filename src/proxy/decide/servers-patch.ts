import type { TaskId } from '../../scheduler/instance.js';
import type { Server, Service, TableDelta } from '../table.js';

/**
 * What becomes of the servers of a service, so that a change in a service of hundreds is told in one line: those of `gone` go
 * (also those that change), then each of `put` comes to the place with its index, in rising order.
 */
export interface ServersPatch {
  readonly gone: readonly TaskId[];
  readonly put: readonly (readonly [index: number, server: Server])[];
}

/** The patch that turns one list into the other. Undefined: telling the whole list is no dearer, or the order of those that stay is another. */
export function serversPatch(before: readonly Server[], after: readonly Server[]): ServersPatch | undefined {
  const known = new Map(before.map((server, index) => [server.taskId, { server, index }]));
  if (known.size < before.length) return undefined;
  const put: (readonly [number, Server])[] = [];
  let last = -1;
  for (const [index, server] of after.entries()) {
    const was = known.get(server.taskId);
    if (!was || !isSame(was.server, server)) {
      put.push([index, server]);
      continue;
    }
    if (was.index < last) return undefined;
    last = was.index;
    known.delete(server.taskId);
  }
  const gone = [...known.keys()];
  return put.length + gone.length > after.length / 2 ? undefined : { gone, put };
}

export function patchedServers(before: readonly Server[], { gone, put }: ServersPatch): readonly Server[] {
  const leaving = new Set(gone);
  const after = before.filter(({ taskId }) => !leaving.has(taskId));
  for (const [index, server] of put) after.splice(index, 0, server);
  return after;
}

/**
 * The services of a change as they are from now on (null: gone), patched where the change tells only of servers. `known`: as
 * they were; a service that is not known is of other groups than this load balancer's, and stays unknown.
 */
export function* changedServices(
  { services, patches = {} }: TableDelta,
  known: (key: string) => Service | undefined,
): Generator<readonly [key: string, service: Service | null]> {
  yield* Object.entries(services);
  for (const [key, patch] of Object.entries(patches)) {
    const service = known(key);
    if (service) yield [key, { ...service, servers: patchedServers(service.servers, patch) }];
  }
}

/** Nothing is different. */
export function isSameServers(before: readonly Server[], after: readonly Server[]): boolean {
  return (
    before.length === after.length &&
    before.every((server, index) => {
      const other = after[index];
      return other !== undefined && isSame(server, other);
    })
  );
}

/** Every member that a server can have; the compiler sees to that. */
const members: Readonly<Record<keyof Server, true>> = {
  taskId: true,
  name: true,
  host: true,
  port: true,
  bootId: true,
  version: true,
  weight: true,
  disabled: true,
};
const memberNames = Object.keys(members) as readonly (keyof Server)[];

function isSame(one: Server, other: Server): boolean {
  return memberNames.every((name) => one[name] === other[name]);
}
