import { createSocket, type Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import { getSystemErrorName } from 'node:util';
import { BindError } from './bind-socket.js';

/** What a socket for datagrams is made of inside Node.js; only that binds without reading. */
interface DatagramHandle {
  bind(address: string, port: number, flags: number): number;
  bind6(address: string, port: number, flags: number): number;
  getsockname(out: { port?: number }): number;
}

/**
 * Binds `address`:`port` (0: any free port) for datagrams without reading any: what comes waits in the kernel for the process that the
 * socket is sent to, and for the next one when that dies. Returns the socket and its port; throws BindError.
 */
export function bindDatagrams(
  address: string,
  port: number,
): { readonly socket: Socket; readonly port: number } {
  const six = isIPv6(address);
  const socket = createSocket(six ? 'udp6' : 'udp4');
  try {
    const handle = handleOf(socket);
    check(six ? handle.bind6(address, port, 0) : handle.bind(address, port, 0), address, port);
    const name: { port?: number } = {};
    check(handle.getsockname(name), address, port);
    return { socket, port: name.port ?? port };
  } catch (error) {
    socket.close();
    throw error;
  }
}

/** `bind` of the socket itself begins to read at once, and would take what is a worker's. */
function handleOf(socket: Socket): DatagramHandle {
  for (const symbol of Object.getOwnPropertySymbols(socket)) {
    const state = (socket as unknown as Record<symbol, unknown>)[symbol];
    if (typeof state !== 'object' || state === null || !('handle' in state)) continue;
    const { handle } = state;
    if (typeof handle === 'object' && handle !== null && 'getsockname' in handle)
      return handle as DatagramHandle;
  }
  throw new BindError('this Node.js cannot bind a socket for datagrams without reading it', 'ENOTSUP');
}

function check(status: number, address: string, port: number): void {
  if (status === 0) return;
  const code = getSystemErrorName(status);
  throw new BindError(reasonOf(code, address, port), code);
}

function reasonOf(code: string, address: string, port: number): string {
  switch (code) {
    case 'EADDRINUSE':
      return `UDP port ${port} is taken by another process`;
    case 'EACCES':
      return `UDP port ${port} needs more rights than this user has`;
    case 'EADDRNOTAVAIL':
      return `address ${address} is not one of this machine's`;
    default:
      return `${address}:${port} cannot be bound for UDP (${code})`;
  }
}
