import { type AppWithPorts, generatedPortPlace, hostPortPlace } from '../apps/app-ports.js';
import type { InstanceTask } from './instance.js';

/** Where a port of a task is reached. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
  /** The container's own address, rather than its agent's. */
  readonly inContainer: boolean;
}

type ReachableTask = Pick<InstanceTask, 'hostname' | 'hostPorts' | 'ipAddresses' | 'generatedPorts'>;

/**
 * Where port `index` of a task is reached (Marathon reference 4.5): with a host port at its agent, else at the container's own
 * address and port. Undefined while the container has said no address, and for ports that the task does not have.
 */
export function endpointOf(app: AppWithPorts, task: ReachableTask, index: number): Endpoint | undefined {
  const place = hostPortPlace(app, index);
  if (place !== undefined) {
    const port = task.hostPorts[place];
    return port === undefined ? undefined : { host: task.hostname, port, inContainer: false };
  }
  const mapping = app.container?.portMappings?.[index];
  const host = task.ipAddresses[0]?.ipAddress;
  const generated = generatedPortPlace(app, index);
  const port = generated === undefined ? mapping?.containerPort : task.generatedPorts?.[generated];
  return host === undefined || port === undefined ? undefined : { host, port, inContainer: true };
}

/** The host at which a port is reached that a definition names by its number only: the container's own where it has one. */
export function hostOf(
  app: Pick<AppWithPorts, 'container'> & NetworkedApp,
  task: ReachableTask,
): string | undefined {
  const own = app.networks.some(({ mode }) => mode === 'container');
  return own ? task.ipAddresses[0]?.ipAddress : task.hostname;
}

interface NetworkedApp {
  readonly networks: readonly { readonly mode: 'host' | 'container/bridge' | 'container' }[];
}
