import type { Check, HealthCheck, ReadinessCheck } from '../app.js';
import type { AppInput } from '../app-input.js';
import { distinct, optional } from './members.js';

export type HealthCheckInput = NonNullable<AppInput['healthChecks']>[number];
type ReadinessCheckInput = NonNullable<AppInput['readinessChecks']>[number];
type CheckInput = NonNullable<AppInput['check']>;

const isAbsent = (value: unknown): boolean => value === null || value === undefined;

/**
 * A health check with its defaults (Marathon reference 7.1). One that names neither port nor port index means the first
 * port, if there is one. Members that its protocol has no use for are dropped.
 */
export function normalizeHealthCheck(input: HealthCheckInput, hasPorts: boolean): HealthCheck {
  const protocol = input.protocol ?? 'HTTP';
  const asksPath = protocol.endsWith('HTTP') || protocol.endsWith('HTTPS');
  const isAgentSide = protocol.startsWith('MESOS_');
  const common = {
    gracePeriodSeconds: input.gracePeriodSeconds ?? 300,
    intervalSeconds: input.intervalSeconds ?? 60,
    timeoutSeconds: input.timeoutSeconds ?? 20,
    maxConsecutiveFailures: input.maxConsecutiveFailures ?? 3,
    delaySeconds: input.delaySeconds ?? 15,
  };
  if (protocol === 'COMMAND') {
    return { protocol, ...optional('command', input.command && { value: input.command.value }), ...common };
  }
  const impliedIndex = isAbsent(input.port) && hasPorts ? 0 : undefined;
  return {
    protocol,
    ...optional('path', asksPath ? input.path : undefined),
    ...optional('port', input.port),
    ...optional('portIndex', input.portIndex ?? impliedIndex),
    ...optional('ipProtocol', isAgentSide ? (input.ipProtocol ?? 'IPv4') : undefined),
    ...common,
    ...optional('ignoreHttp1xx', asksPath && !isAgentSide ? (input.ignoreHttp1xx ?? false) : undefined),
  };
}

/** Marathon reference 7.2. */
export function normalizeReadinessCheck(input: ReadinessCheckInput): ReadinessCheck {
  return {
    name: input.name ?? 'readinessCheck',
    protocol: input.protocol ?? 'HTTP',
    path: input.path ?? '/',
    portName: input.portName ?? 'http-api',
    intervalSeconds: input.intervalSeconds ?? 30,
    timeoutSeconds: input.timeoutSeconds ?? 10,
    httpStatusCodesForReady: distinct(input.httpStatusCodesForReady ?? [200]),
    preserveLastResponse: input.preserveLastResponse ?? false,
  };
}

/** Marathon reference 7.3. */
export function normalizeCheck({ http, tcp, exec, ...times }: CheckInput): Check {
  const port = (input: { readonly port?: number | null; readonly portIndex?: number | null }) => ({
    ...optional('port', input.port),
    ...optional('portIndex', input.portIndex),
  });
  return {
    ...optional(
      'http',
      http && { ...optional('path', http.path), ...port(http), scheme: http.scheme ?? 'HTTP' },
    ),
    ...optional('tcp', tcp && port(tcp)),
    ...optional(
      'exec',
      exec && {
        command: { ...optional('shell', exec.command.shell), ...optional('argv', exec.command.argv) },
      },
    ),
    intervalSeconds: times.intervalSeconds ?? 60,
    timeoutSeconds: times.timeoutSeconds ?? 20,
    delaySeconds: times.delaySeconds ?? 15,
  };
}
