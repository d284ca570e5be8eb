import type { Socket } from 'node:net';
import type { DataPlane } from '../data-plane.js';
import type { LiveServer } from '../live-server.js';
import { ServerConnections } from './server-connections.js';
import { ServerStream } from './server-stream.js';

/** A connection without requests is kept for so long. */
const IDLE_MS = 10_000;

/**
 * What stands for a connection to a server that speaks HTTP/2: a stream of one that is shared. `preface`: what tells the server of
 * one client (PROXY protocol); its connection is then this client's alone.
 */
export function openServerStream(server: LiveServer, plane: DataPlane, preface?: Buffer): Socket {
  const { host, port } = server.server;
  if (preface)
    return new ServerStream(new ServerConnections({ host, port, preface }, 0, plane.clock)).asSocket;
  server.http2 ??= new ServerConnections({ host, port }, IDLE_MS, plane.clock);
  return new ServerStream(server.http2).asSocket;
}
