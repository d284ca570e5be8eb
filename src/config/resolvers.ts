import { isIP } from 'node:net';

/** Where another DNS server is asked. */
export interface Resolver {
  readonly address: string;
  readonly port: number;
}

/** `10.0.0.1`, `10.0.0.1:5353`, `[::1]:53`; port 53 when none is named. Undefined for anything else. */
export function parseResolver(text: string): Resolver | undefined {
  const match = /^(?:\[([^\]]+)\]|([^:]+|[0-9a-fA-F:]*:[0-9a-fA-F:]*:[0-9a-fA-F:]*))(?::(\d{1,5}))?$/.exec(
    text,
  );
  const address = match?.[1] ?? match?.[2] ?? '';
  const port = Number(match?.[3] ?? 53);
  return isIP(address) !== 0 && port > 0 && port < 65_536 ? { address, port } : undefined;
}

/** The addresses of a setting; `none` is none of them. */
export function resolverList(text: string | undefined): readonly string[] {
  if (text === undefined || text.trim() === 'none') return [];
  return text
    .split(',')
    .map((each) => each.trim())
    .filter(Boolean);
}
