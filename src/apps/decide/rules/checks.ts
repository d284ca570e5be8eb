import type { HealthCheckInput } from '../normalize-checks.js';
import { type Finding, portsOf, type Rule } from './rule.js';

const probed: ReadonlySet<string> = new Set(['HTTP', 'HTTPS', 'TCP']);
const isGiven = (value: unknown): boolean => value !== null && value !== undefined;

/** Whether a check's port leads somewhere: named outright, an index that exists, or the only port there is. */
function addressesPort(
  check: { readonly port?: number | null; readonly portIndex?: number | null },
  count: number,
): boolean {
  if (isGiven(check.port)) return true;
  return isGiven(check.portIndex) ? (check.portIndex ?? 0) < count : count === 1;
}

const portHint = (count: number): string =>
  count === 0
    ? 'This app has no ports: define one, or give the check a `port`.'
    : `\`portIndex\` must be from 0 to ${count - 1}.`;

export const healthChecks: Rule = function* (draft, input) {
  const count = portsOf(draft).length;
  for (const [index, check] of draft.healthChecks.entries()) {
    const path = `/healthChecks(${index})`;
    if (probed.has(check.protocol) && !addressesPort(check, count)) {
      const text =
        'Health check port indices must address an element of the ports array or container port mappings.';
      yield [path, text, 'port-index', portHint(count)];
    }
    yield* urlPath(`${path}/path`, check.path);
  }
  for (const [index, check] of (input.healthChecks ?? []).entries()) {
    yield* commandOrPort(check, `/healthChecks(${index})`);
    const isMesos = check.protocol?.startsWith('MESOS_') ?? false;
    if (check.ipProtocol === 'IPv6' && !(isMesos && draft.container?.type === 'DOCKER')) {
      const text = 'IPv6 can only be used for container type DOCKER and Mesos http/https/tcp health checks';
      yield [`/healthChecks(${index})`, text, 'ip-protocol', 'Leave `ipProtocol` out, or IPv4.'];
    }
  }
  if (draft.healthChecks.filter(({ protocol }) => protocol.startsWith('MESOS_')).length > 1) {
    const text = 'AppDefinition can contain at most one Mesos health check';
    yield ['/healthChecks', text, 'too-many', 'Keep one; HTTP, HTTPS and TCP checks are not counted.'];
  }
};

/** A COMMAND check has a command and no endpoint, any other the other way round. */
function* commandOrPort(check: HealthCheckInput, path: string): Iterable<Finding> {
  if (check.protocol !== 'COMMAND') {
    if (check.command) {
      const hint = 'Give `"protocol": "COMMAND"`, or leave `command` out.';
      yield [`${path}/command`, 'must be empty', 'contradiction', hint];
    }
    return;
  }
  if (!check.command) yield [`${path}/command`, 'not defined', 'command', '`{"value": "<shell command>"}`.'];
  for (const field of ['path', 'port', 'portIndex'] as const) {
    if (!isGiven(check[field])) continue;
    const hint = `A COMMAND check asks no endpoint: leave \`${field}\` out.`;
    yield [`${path}/${field}`, 'must be empty', 'contradiction', hint];
  }
}

export const readinessChecks: Rule = function* (draft) {
  const { readinessChecks: checks } = draft;
  if (checks.length > 1) {
    const text = `got ${checks.length}, expected 1 or less`;
    yield ['/readinessChecks', text, 'too-many', 'Keep one readiness check.'];
  }
  for (const [index, check] of checks.entries()) {
    const path = `/readinessChecks(${index})`;
    if (!portsOf(draft).some(({ name }) => name === check.portName)) {
      const text = `No port definition reference for portName ${check.portName}`;
      yield [`${path}/portName`, text, 'port-name', "Name one of the app's ports."];
    }
    if (check.timeoutSeconds >= check.intervalSeconds) {
      const text = `got ${check.timeoutSeconds}, expected less than ${check.intervalSeconds}`;
      const hint = 'The timeout must be shorter than `intervalSeconds`.';
      yield [`${path}/timeoutSeconds`, text, 'contradiction', hint];
    }
    if (check.httpStatusCodesForReady.length === 0) {
      const hint = 'Leave it out for [200].';
      yield [`${path}/httpStatusCodesForReady`, 'must not be empty', 'empty', hint];
    }
    yield* urlPath(`${path}/path`, check.path);
  }
};

export const check: Rule = function* (draft) {
  const given = draft.check;
  if (!given) return;
  if (draft.container?.type === 'DOCKER') {
    const text = "AppDefinition must not use 'checks' if using docker";
    yield ['/check', text, 'container', 'Use the container type MESOS, or a health check.'];
  }
  const { http, tcp, exec } = given;
  if ([http, tcp, exec].filter((kind) => kind !== undefined).length !== 1) {
    yield ['/check', 'must be exactly one of http, tcp and exec', 'contradiction', 'Keep one of them.'];
  }
  const count = portsOf(draft).length;
  for (const [name, endpoint] of [['http', http] as const, ['tcp', tcp] as const]) {
    if (!endpoint || addressesPort(endpoint, count)) continue;
    const text = 'check port index must address an element of the ports array or container port mappings.';
    yield [`/check/${name}`, text, 'port-index', portHint(count)];
  }
  if (exec && (exec.command.shell === undefined) === !exec.command.argv?.length) {
    const hint = '`{"shell": "<command>"}` or `{"argv": ["<program>", ...]}`.';
    yield ['/check/exec/command', 'must be exactly one of shell and argv', 'command', hint];
  }
  yield* urlPath('/check/http/path', http?.path);
};

/** A path goes into a request line as it is: blanks and control characters would break out of it. */
export function* urlPath(path: string, value: string | undefined): Iterable<Finding> {
  if (value !== undefined && [...value].some((char) => char <= ' ' || char === '\x7f')) {
    yield [path, 'must not contain blanks or control characters', 'url-path', 'Percent-encode them.'];
  }
}
