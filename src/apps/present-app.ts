import type { Schemas } from '../api/contract/load-contract.js';
import type { App } from './app.js';
import { isResident } from './container.js';

/** An app as the API answers it. */
export type PresentedApp = Schemas['App'];

/** What Marathon shows of every app with persistent volumes; it has no effect. */
const RESIDENCY = { relaunchEscalationTimeoutSeconds: 3_600, taskLostBehavior: 'WAIT_FOREVER' } as const;

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
    ...(app.check ? { check: app.check } : {}),
    ...(app.cmd === undefined ? {} : { cmd: app.cmd }),
    ...(app.constraints.length > 0 ? { constraints: app.constraints.map(asTexts) } : {}),
    ...(app.container ? { container: app.container } : {}),
    cpus: app.cpus,
    ...(app.dependencies.length > 0 ? { dependencies: app.dependencies } : {}),
    disk: app.disk,
    ...(Object.keys(app.env).length > 0 ? { env: app.env } : {}),
    executor: app.executor,
    ...(app.executorResources ? { executorResources: app.executorResources } : {}),
    ...(app.fetch?.length ? { fetch: app.fetch } : {}),
    gpus: app.gpus,
    ...(app.healthChecks.length > 0 ? { healthChecks: app.healthChecks } : {}),
    instances: app.instances,
    ...(app.isolation === undefined ? {} : { isolation: app.isolation }),
    killSelection: app.killSelection,
    labels: app.labels,
    ...(app.loadBalancer ? { loadBalancer: app.loadBalancer } : {}),
    maxLaunchDelaySeconds: app.maxLaunchDelaySeconds,
    mem: app.mem,
    networks: app.networks,
    ...(app.networks.every(({ mode }) => mode === 'host') ? { portDefinitions: app.portDefinitions } : {}),
    ...(app.readinessChecks.length > 0 ? { readinessChecks: app.readinessChecks } : {}),
    requirePorts: app.requirePorts,
    ...(isResident(app) ? { residency: RESIDENCY } : {}),
    ...(app.resourceLimits ? { resourceLimits: app.resourceLimits } : {}),
    role: app.role,
    ...(app.secrets ? { secrets: app.secrets } : {}),
    ...(app.taskKillGracePeriodSeconds === undefined
      ? {}
      : { taskKillGracePeriodSeconds: app.taskKillGracePeriodSeconds }),
    ...(app.tty === undefined ? {} : { tty: app.tty }),
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
