import { app } from './rules.js';

/** An image-less container and parts of it. */
export const mesos = (fields: Record<string, unknown> = {}): Record<string, unknown> => ({
  type: 'MESOS',
  ...fields,
});
export const docker = (
  image: Record<string, unknown> = {},
  fields: Record<string, unknown> = {},
): Record<string, unknown> => ({
  type: 'DOCKER',
  docker: { image: 'nginx', ...image },
  ...fields,
});
export const volumes = (...list: Record<string, unknown>[]): Record<string, unknown> =>
  app({ container: mesos({ volumes: list }) });
export const persistent = (
  part: Record<string, unknown> = {},
  fields: Record<string, unknown> = {},
): Record<string, unknown> => ({
  containerPath: 'data',
  mode: 'RW',
  persistent: { size: 10, ...part },
  ...fields,
});
export const dvdi = (part: Record<string, unknown> = {}): Record<string, unknown> => ({
  containerPath: 'data',
  mode: 'RW',
  external: { provider: 'dvdi', name: 'x', options: { 'dvdi/driver': 'rexray' }, ...part },
});
export const csi = (
  options: Record<string, unknown>,
  part: Record<string, unknown> = {},
): Record<string, unknown> => ({
  containerPath: 'data',
  mode: 'RW',
  external: { provider: 'csi', name: 'x', options, ...part },
});
export const bridge = [{ mode: 'container/bridge' }];
export const net = (...names: string[]): Record<string, unknown>[] =>
  names.map((name) => ({ mode: 'container', name }));
