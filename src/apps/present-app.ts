import type { Schemas } from '../api/contract/load-contract.js';
import type { App } from './app.js';

/** An app as the API answers it. */
export type PresentedApp = Schemas['App'];

/**
 * The definition as JSON: which members are there when is Marathon reference 2.2. Members are in alphabetical order
 * after `id`, so that equal apps give equal texts. Values are shared, not copied.
 */
export function presentApp(app: App): PresentedApp {
  return {
    id: app.id,
    ...(app.acceptedResourceRoles ? { acceptedResourceRoles: app.acceptedResourceRoles } : {}),
    ...(app.args?.length ? { args: app.args } : {}),
    backoffFactor: app.backoffFactor,
    backoffSeconds: app.backoffSeconds,
    ...(app.cmd === undefined ? {} : { cmd: app.cmd }),
    ...(app.constraints.length > 0 ? { constraints: app.constraints.map(asTexts) } : {}),
    cpus: app.cpus,
    ...(app.dependencies.length > 0 ? { dependencies: app.dependencies } : {}),
    disk: app.disk,
    ...(Object.keys(app.env).length > 0 ? { env: app.env } : {}),
    executor: app.executor,
    gpus: app.gpus,
    ...(app.healthChecks.length > 0 ? { healthChecks: app.healthChecks } : {}),
    instances: app.instances,
    killSelection: app.killSelection,
    labels: app.labels,
    ...(app.loadBalancer ? { loadBalancer: app.loadBalancer } : {}),
    maxLaunchDelaySeconds: app.maxLaunchDelaySeconds,
    mem: app.mem,
    networks: app.networks,
    portDefinitions: app.portDefinitions,
    ...(app.readinessChecks.length > 0 ? { readinessChecks: app.readinessChecks } : {}),
    requirePorts: app.requirePorts,
    role: app.role,
    ...(app.taskKillGracePeriodSeconds === undefined
      ? {}
      : { taskKillGracePeriodSeconds: app.taskKillGracePeriodSeconds }),
    unreachableStrategy: app.unreachableStrategy,
    upgradeStrategy: app.upgradeStrategy,
    ...(app.user === undefined ? {} : { user: app.user }),
    version: app.version,
    versionInfo: app.versionInfo,
  };
}

function asTexts([field, operator, value]: App['constraints'][number]): readonly string[] {
  return value === undefined ? [field, operator] : [field, operator, value];
}
