/** Milliseconds by what they limit; absent ones are the load balancer's own. */
export interface BalancerTimeouts {
  readonly connectMs?: number;
  readonly clientMs?: number;
  readonly serverMs?: number;
  readonly queueMs?: number;
  readonly httpRequestMs?: number;
  readonly httpKeepAliveMs?: number;
  readonly tunnelMs?: number;
  readonly clientFinMs?: number;
  readonly serverFinMs?: number;
}

/** Names as HAProxy has them after `timeout`, and what they are called here. */
const names: ReadonlyMap<string, keyof BalancerTimeouts> = new Map([
  ['connect', 'connectMs'],
  ['client', 'clientMs'],
  ['server', 'serverMs'],
  ['queue', 'queueMs'],
  ['http-request', 'httpRequestMs'],
  ['http-keep-alive', 'httpKeepAliveMs'],
  ['tunnel', 'tunnelMs'],
  ['client-fin', 'clientFinMs'],
  ['server-fin', 'serverFinMs'],
]);

export const timeoutNames: readonly string[] = [...names.keys()];

const units: Readonly<Record<string, number>> = {
  '': 1,
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};
/** HAProxy's own bound: 2^31 - 1 ms, some 24 days. */
const LONGEST_MS = 2 ** 31 - 1;

/** Milliseconds of `500ms`, `30s`, `5m`, `1h`, `1d` or a bare number (milliseconds, as in HAProxy); undefined: it is none, or 0. */
export function durationMs(text: string): number | undefined {
  const [, digits, unit] = /^(\d{1,10})(ms|s|m|h|d|)$/.exec(text.trim()) ?? [];
  const ms = Number(digits) * (units[unit ?? ''] ?? Number.NaN);
  return ms > 0 && ms <= LONGEST_MS ? ms : undefined;
}

/**
 * The time limits of `connect=3s,client=30s,...`. The first piece that cannot be read comes back as a string instead. An empty text
 * sets none.
 */
export function readTimeouts(text: string | undefined): BalancerTimeouts | string {
  const timeouts: Partial<Record<keyof BalancerTimeouts, number>> = {};
  for (const piece of (text ?? '').split(',').map((each) => each.trim())) {
    if (piece === '') continue;
    const equals = piece.indexOf('=');
    const name = names.get(piece.slice(0, equals).trim());
    const ms = durationMs(piece.slice(equals + 1));
    if (equals < 0 || name === undefined || ms === undefined || timeouts[name] !== undefined) return piece;
    timeouts[name] = ms;
  }
  return timeouts;
}
