import type { AddressInfo, Server } from 'node:net';
import { portOwner } from './port-owner.js';

/** A listening address is taken or not ours; the message names the owner and the flag to change. */
export class ListenError extends Error {
  override readonly name = 'ListenError';
}

/** Listens and returns the port. `what` and `flag` are for the message: `the API`, `--http-port`. */
export async function listen(
  server: Server,
  options: { address: string; port: number; what: string; flag: string },
): Promise<number> {
  const { address, port, what, flag } = options;
  await new Promise<void>((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException): void => reject(new ListenError(explain(error, options)));
    server.once('error', failed);
    server.listen({ port, host: address, exclusive: true }, () => {
      server.removeListener('error', failed);
      resolve();
    });
  });
  const bound = server.address() as AddressInfo | null;
  if (!bound) throw new ListenError(`${what} has no address after listening on ${address}:${port} (${flag})`);
  return bound.port;
}

function explain(
  error: NodeJS.ErrnoException,
  { address, port, what, flag }: { address: string; port: number; what: string; flag: string },
): string {
  switch (error.code) {
    case 'EADDRINUSE':
      return `port ${port} for ${what} is taken by ${portOwner(port) ?? 'another process'}; choose another with ${flag} (0 = any free one)`;
    case 'EACCES':
      return `port ${port} for ${what} needs more rights than this user has; choose one from 1024 up with ${flag}`;
    case 'EADDRNOTAVAIL':
      return `address ${address} for ${what} is not one of this machine's`;
    default:
      return `${what} cannot listen on ${address}:${port}: ${error.message}`;
  }
}

/** `http://127.0.0.1:8080`; IPv6 addresses in brackets, the wildcard as the name given. */
export function urlOf(address: string, port: number, scheme: 'http' | 'https' | 'dns' = 'http'): string {
  return `${scheme}://${address.includes(':') ? `[${address}]` : address}:${port}`;
}
