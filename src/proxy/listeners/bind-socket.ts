import * as net from 'node:net';
import { getSystemErrorName } from 'node:util';
import { portOwner } from '../../util/port-owner.js';

/** A bound TCP socket that this process never accepts on; it can be sent to a child process. */
export interface BoundSocket {
  getsockname(out: { port?: number }): number;
  close(): void;
}

/** The socket could not be bound; the message says why in words. */
export class BindError extends Error {
  override readonly name = 'BindError';
  constructor(
    message: string,
    readonly code: string,
  ) {
    super(message);
  }
}

/** Node's own way (its cluster module uses it) to bind without listening: a handle, or a negative error number. */
const createServerHandle = (
  net as unknown as {
    _createServerHandle(address: string, port: number, family: 4 | 6): BoundSocket | number;
  }
)._createServerHandle;

/** Binds `address`:`port` (0: any free port) without listening. Returns the socket and its port; throws BindError. */
export function bindSocket(
  address: string,
  port: number,
): { readonly socket: BoundSocket; readonly port: number } {
  const made = createServerHandle(address, port, address.includes(':') ? 6 : 4);
  if (typeof made === 'number') throw bindError(made, address, port);
  const name: { port?: number } = {};
  // A port in use is only reported when the socket is first asked about.
  const status = made.getsockname(name);
  if (status !== 0 || name.port === undefined) {
    made.close();
    throw bindError(status, address, port);
  }
  return { socket: made, port: name.port };
}

function bindError(status: number, address: string, port: number): BindError {
  const code = status < 0 ? getSystemErrorName(status) : 'UNKNOWN';
  switch (code) {
    case 'EADDRINUSE':
      return new BindError(`port ${port} is taken by ${portOwner(port) ?? 'another process'}`, code);
    case 'EACCES':
      return new BindError(`port ${port} needs more rights than this user has`, code);
    case 'EADDRNOTAVAIL':
      return new BindError(`address ${address} is not one of this machine's`, code);
    default:
      return new BindError(`${address}:${port} cannot be bound (${code})`, code);
  }
}
