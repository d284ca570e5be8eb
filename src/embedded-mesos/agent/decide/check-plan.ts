import type { CheckInfo, CheckStatusInfo, CommandInfo, HealthCheck, TaskInfo } from '../../protocol/v1.js';

/** What is asked of a task. */
export type CheckProbe =
  | { readonly type: 'COMMAND'; readonly command: CommandInfo }
  | {
      readonly type: 'HTTP';
      readonly scheme: 'http' | 'https';
      readonly host: string;
      readonly port: number;
      readonly path: string;
    }
  | { readonly type: 'TCP'; readonly host: string; readonly port: number };

interface Pace {
  readonly probe: CheckProbe;
  /** Before the first attempt. */
  readonly delayMs: number;
  /** From the end of one attempt to the begin of the next. */
  readonly intervalMs: number;
  /** Infinity: none. */
  readonly timeoutMs: number;
}

/** A check that says whether the task is healthy, and ends it when it is not for long. */
export interface HealthPlan extends Pace {
  readonly kind: 'health';
  /** Failures in a row that end the task; 0 and 1 both mean the first one that counts. */
  readonly maxFailures: number;
  /** Failures before the first success do not count so long, from the begin of the task. */
  readonly graceMs: number;
}

/** A check whose raw result is told, whatever it is. */
export interface ResultPlan extends Pace {
  readonly kind: 'check';
}

export type CheckPlan = HealthPlan | ResultPlan;

const DEFAULT_DELAY_SECONDS = 15;
const DEFAULT_INTERVAL_SECONDS = 10;
const DEFAULT_TIMEOUT_SECONDS = 20;
const DEFAULT_GRACE_SECONDS = 10;
const DEFAULT_FAILURES = 3;
/** No check asks more often than this, whatever it says: an interval of 0 would ask without a pause. */
const MIN_INTERVAL_MS = 100;

function paceOf(check: HealthCheck | CheckInfo, probe: CheckProbe): Pace {
  const timeoutSeconds = check.timeout_seconds ?? DEFAULT_TIMEOUT_SECONDS;
  return {
    probe,
    delayMs: Math.max(0, (check.delay_seconds ?? DEFAULT_DELAY_SECONDS) * 1000),
    intervalMs: Math.max(MIN_INTERVAL_MS, (check.interval_seconds ?? DEFAULT_INTERVAL_SECONDS) * 1000),
    timeoutMs: timeoutSeconds > 0 ? timeoutSeconds * 1000 : Number.POSITIVE_INFINITY,
  };
}

const hostOf = (protocol: 'IPv4' | 'IPv6' | undefined): string => (protocol === 'IPv6' ? '::1' : '127.0.0.1');

const pathOf = (path: string | undefined): string =>
  path === undefined || path === '' ? '/' : path.startsWith('/') ? path : `/${path}`;

/** Type, or by what is there: older frameworks leave the type out. */
function typeOf(check: HealthCheck | CheckInfo): CheckProbe['type'] | undefined {
  if (check.type !== undefined) return check.type;
  if (check.http) return 'HTTP';
  if (check.tcp) return 'TCP';
  return check.command ? 'COMMAND' : undefined;
}

function healthProbe(check: HealthCheck): CheckProbe | string {
  const type = typeOf(check);
  const { command, http, tcp } = check;
  if (type === 'COMMAND' && command) return commandProbe(command);
  if (type === 'TCP' && tcp) return { type, host: hostOf(tcp.protocol), port: tcp.port };
  if (type === 'HTTP' && http) {
    const scheme = (http.scheme ?? 'http').toLowerCase();
    if (scheme !== 'http' && scheme !== 'https') return `its scheme '${scheme}' is neither http nor https`;
    return { type, scheme, host: hostOf(http.protocol), port: http.port, path: pathOf(http.path) };
  }
  return `it says nothing of what its type ${type ?? '(none)'} asks`;
}

function resultProbe(check: CheckInfo): CheckProbe | string {
  const type = typeOf(check);
  const { command, http, tcp } = check;
  if (type === 'COMMAND' && command) return commandProbe(command.command);
  if (type === 'TCP' && tcp) return { type, host: hostOf(undefined), port: tcp.port };
  if (type === 'HTTP' && http)
    return { type, scheme: 'http', host: hostOf(undefined), port: http.port, path: pathOf(http.path) };
  return `it says nothing of what its type ${type ?? '(none)'} asks`;
}

function commandProbe(command: CommandInfo): CheckProbe | string {
  const { value = '', arguments: argv = [] } = command;
  if (value === '') return 'its command is empty';
  return [value, ...argv].some((word) => word.includes('\0'))
    ? 'its command contains a NUL character'
    : { type: 'COMMAND', command };
}

/**
 * What an agent checks of a task, with Mesos's defaults (Mesos reference 2.10): its health check, its check, both or neither.
 * `fault`: why one of them cannot be carried out, as a sentence.
 */
export function checkPlans(task: Pick<TaskInfo, 'health_check' | 'check'>): {
  readonly plans: readonly CheckPlan[];
  readonly fault?: string;
} {
  const plans: CheckPlan[] = [];
  const { health_check: health, check } = task;
  if (health) {
    const probe = healthProbe(health);
    if (typeof probe === 'string') return { plans: [], fault: `The health check is not valid: ${probe}` };
    plans.push({
      kind: 'health',
      ...paceOf(health, probe),
      maxFailures: health.consecutive_failures ?? DEFAULT_FAILURES,
      graceMs: (health.grace_period_seconds ?? DEFAULT_GRACE_SECONDS) * 1000,
    });
  }
  if (check) {
    const probe = resultProbe(check);
    if (typeof probe === 'string') return { plans: [], fault: `The check is not valid: ${probe}` };
    plans.push({ kind: 'check', ...paceOf(check, probe) });
  }
  return { plans };
}

/** What a task with a `check` says of it before the first result, and when an attempt had none. */
export function emptyCheckStatus(check: CheckInfo): CheckStatusInfo {
  const type = typeOf(check);
  switch (type) {
    case 'COMMAND':
      return { type, command: {} };
    case 'HTTP':
      return { type, http: {} };
    case 'TCP':
      return { type, tcp: {} };
    default:
      return {};
  }
}
