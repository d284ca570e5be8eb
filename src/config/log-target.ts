/** Where the access log goes: files in the work dir, the load balancer's standard output, or a syslog server (UDP). */
export type LogTarget =
  | { readonly kind: 'file' }
  | { readonly kind: 'stdout' }
  | { readonly kind: 'syslog'; readonly host: string; readonly port: number };

const SYSLOG_PORT = 514;

/** Reads `file`, `stdout` or `syslog://HOST[:PORT]`; undefined: it is none of these. */
export function readLogTarget(text: string): LogTarget | undefined {
  if (text === 'file' || text === 'stdout') return { kind: text };
  const found = /^syslog:\/\/(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+)(?::(\d{1,5}))?$/.exec(text);
  if (!found) return undefined;
  const port = found[2] === undefined ? SYSLOG_PORT : Number(found[2]);
  if (port < 1 || port > 65_535) return undefined;
  return { kind: 'syslog', host: (found[1] ?? '').replace(/^\[|\]$/g, ''), port };
}
