import { agentSideChecks } from '../../apps/agent-side-checks.js';
import type { App, Check, HealthCheck } from '../../apps/app.js';
import { appPorts, hostPortPlace } from '../../apps/app-ports.js';
import type {
  CheckInfo,
  CommandInfo,
  HealthCheck as MesosHealthCheck,
  TaskInfo,
} from '../../embedded-mesos/protocol/v1.js';
import { type AllocatedPorts, listeningPort } from './container-info.js';

/** As many failures as the protocol can carry: `maxConsecutiveFailures` 0 means never, for Mesos the very first. */
const NEVER = 0xffffffff;

type Named = { readonly port?: number; readonly portIndex?: number };

/** The port as seen from inside: the task's own one first, and where it has none, its host port. */
function insidePort(app: App, { port, portIndex }: Named, ports: AllocatedPorts): number | undefined {
  if (port !== undefined) return port;
  const index = portIndex ?? 0;
  if (appPorts(app)[index] === undefined) return undefined;
  const inside = listeningPort(app, index, ports);
  if (inside !== undefined) return inside;
  const place = hostPortPlace(app, index);
  return place === undefined ? undefined : ports.hostPorts[place];
}

function paceOf(check: {
  readonly delaySeconds?: number;
  readonly intervalSeconds: number;
  readonly timeoutSeconds: number;
}) {
  return {
    ...(check.delaySeconds === undefined ? {} : { delay_seconds: check.delaySeconds }),
    interval_seconds: check.intervalSeconds,
    timeout_seconds: check.timeoutSeconds,
  };
}

function healthCheckOf(app: App, check: HealthCheck, ports: AllocatedPorts): MesosHealthCheck | undefined {
  const common = {
    ...paceOf(check),
    grace_period_seconds: check.gracePeriodSeconds,
    consecutive_failures: check.maxConsecutiveFailures === 0 ? NEVER : check.maxConsecutiveFailures,
  };
  if (check.protocol === 'COMMAND')
    return { type: 'COMMAND', command: { shell: true, value: check.command?.value ?? '' }, ...common };
  const port = insidePort(app, check, ports);
  if (port === undefined) return undefined;
  const protocol = check.ipProtocol === 'IPv6' ? { protocol: check.ipProtocol } : {};
  if (check.protocol === 'MESOS_TCP') return { type: 'TCP', tcp: { ...protocol, port }, ...common };
  const scheme = check.protocol === 'MESOS_HTTPS' ? 'https' : 'http';
  return { type: 'HTTP', http: { ...protocol, scheme, port, path: check.path ?? '/' }, ...common };
}

function commandOf({
  shell,
  argv,
}: {
  readonly shell?: string;
  readonly argv?: readonly string[];
}): CommandInfo {
  if (shell !== undefined) return { shell: true, value: shell };
  return { shell: false, value: argv?.[0] ?? '', arguments: argv ?? [] };
}

function checkOf(app: App, check: Check, ports: AllocatedPorts): CheckInfo | undefined {
  const pace = paceOf(check);
  if (check.exec) return { type: 'COMMAND', command: { command: commandOf(check.exec.command) }, ...pace };
  const port = insidePort(app, check.http ?? check.tcp ?? {}, ports);
  if (port === undefined) return undefined;
  return check.http
    ? { type: 'HTTP', http: { port, path: check.http.path ?? '/' }, ...pace }
    : { type: 'TCP', tcp: { port }, ...pace };
}

/** What the agent is asked to check of a task (Marathon reference 7.1 and 7.3): the first of its checks, and its `check`. */
export function agentChecks(app: App, ports: AllocatedPorts): Pick<TaskInfo, 'health_check' | 'check'> {
  const [first] = agentSideChecks(app.healthChecks);
  const health = first && healthCheckOf(app, first, ports);
  const check = app.check && checkOf(app, app.check, ports);
  return { ...(health && { health_check: health }), ...(check && { check }) };
}
