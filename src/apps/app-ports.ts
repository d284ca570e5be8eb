import type { App } from './app.js';

/** One port of an app, wherever its definition says it: a port definition, or a port mapping of its container. */
export interface AppPort {
  readonly servicePort: number;
  readonly protocol: 'tcp' | 'udp' | 'udp,tcp';
  readonly name?: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** The very host port that it demands; 0: any; absent: it gets none and is reached at the container's own address. */
  readonly hostPort?: number;
  /** Of port mappings; 0: the same as the host port, or a generated one. */
  readonly containerPort?: number;
}

export type AppWithPorts = Pick<App, 'portDefinitions' | 'requirePorts' | 'container'>;

/** The ports of an app in the order of its definition (Marathon reference 2.6). */
export function appPorts({ portDefinitions, requirePorts, container }: AppWithPorts): readonly AppPort[] {
  const mappings = container?.portMappings;
  if (mappings) return mappings;
  return portDefinitions.map(({ port, ...rest }) => ({
    ...rest,
    servicePort: port,
    hostPort: requirePorts ? port : 0,
  }));
}

/** How many ports an app has; cheaper than asking for them. */
export function portCount({ portDefinitions, container }: AppWithPorts): number {
  return container?.portMappings?.length ?? portDefinitions.length;
}

/** The place of a port among the host ports that were allocated; undefined when it gets none, or is none of the app. */
export function hostPortPlace({ container }: AppWithPorts, index: number): number | undefined {
  const mappings = container?.portMappings;
  if (!mappings) return index;
  if (mappings[index]?.hostPort === undefined) return undefined;
  return mappings.slice(0, index).filter(({ hostPort }) => hostPort !== undefined).length;
}

/** The place of a port among the generated ones: those of mappings with neither host port nor container port. */
export function generatedPortPlace({ container }: AppWithPorts, index: number): number | undefined {
  const mappings = container?.portMappings;
  if (!mappings || !isGenerated(mappings[index])) return undefined;
  return mappings.slice(0, index).filter(isGenerated).length;
}

/** How many ports have to be generated for each task. */
export function generatedPortCount({ container }: AppWithPorts): number {
  return container?.portMappings?.filter(isGenerated).length ?? 0;
}

function isGenerated(mapping: AppPort | undefined): boolean {
  return mapping?.hostPort === undefined && mapping?.containerPort === 0;
}
