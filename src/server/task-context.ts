import { isIP } from 'node:net';
import type { App } from '../apps/app.js';
import type { GroupReadModel } from '../apps/group.js';
import type { Settings } from '../config/settings.js';

type Place = Pick<Settings, 'hostname' | 'lbAddress' | 'lbHttpPort' | 'disableDns' | 'dnsPort' | 'dnsDomain'>;

/**
 * What a task on `hostname` is told of its surroundings, as variables: whether its group enforces its role, and where the
 * load balancer and the name server are, as far as they can be reached from there: those on the loopback address by tasks of
 * this machine in its own network alone, and none whose port is any free one (0).
 *
 * `LONGRUN_TASK_LB` (host:port of the virtual hosts), `LONGRUN_TASK_LB_HOST` (where service ports answer),
 * `LONGRUN_TASK_DNS` (host:port), `LONGRUN_TASK_DNS_DOMAIN`.
 */
export function taskContext(
  settings: Place,
  groups: Pick<GroupReadModel, 'get'>,
): (app: App, hostname: string) => Readonly<Record<string, string>> {
  return (app, hostname) => {
    const host = balancerHost(settings, app, hostname);
    return {
      MARATHON_APP_ENFORCE_GROUP_ROLE: enforcesRole(app.id, groups) ? 'TRUE' : 'FALSE',
      ...(host !== undefined && {
        LONGRUN_TASK_LB_HOST: host,
        ...(settings.lbHttpPort !== 0 && { LONGRUN_TASK_LB: at(host, settings.lbHttpPort) }),
        ...(!settings.disableDns &&
          settings.dnsPort !== 0 && {
            LONGRUN_TASK_DNS: at(host, settings.dnsPort),
            LONGRUN_TASK_DNS_DOMAIN: settings.dnsDomain,
          }),
      }),
    };
  };
}

function enforcesRole(appId: string, groups: Pick<GroupReadModel, 'get'>): boolean {
  const end = appId.indexOf('/', 1);
  return end > 0 && groups.get(appId.slice(0, end))?.enforceRole === true;
}

function balancerHost({ lbAddress, hostname }: Place, app: App, taskHost: string): string | undefined {
  if (lbAddress === '0.0.0.0' || lbAddress === '::') return hostname;
  const isLoopback = lbAddress === '::1' || lbAddress === 'localhost' || lbAddress.startsWith('127.');
  if (!isLoopback) return lbAddress;
  const isHere = taskHost === hostname && app.networks.every(({ mode }) => mode === 'host');
  return isHere ? lbAddress : undefined;
}

function at(host: string, port: number): string {
  return isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`;
}
