import type { IncomingMessage } from 'node:http';
import { STATUS_CODES } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { requestTarget } from '../../../util/request-target.js';
import { EXEC_PROTOCOL, readExecQuery } from '../decide/exec-protocol.js';
import type { ExecSessions } from '../exec/exec-sessions.js';
import type { TaskRecord } from '../task-record.js';

/** Headers of an opening request that its answer depends on. */
const openingHeaders = [
  'connection',
  'upgrade',
  'sec-websocket-key',
  'sec-websocket-version',
  'sec-websocket-protocol',
] as const;

export interface ExecRoute {
  /** Undefined: this agent enters no containers. */
  readonly sessions: ExecSessions | undefined;
  readonly record: (taskId: string) => TaskRecord | undefined;
  /** Whether the caller is the server: nobody else may run anything here, whoever may read. */
  readonly authorized: (authorization: string | undefined) => boolean;
}

/** Answers an opening request that is refused, and ends its connection. */
export function refuseUpgrade(socket: Duplex, status: number, message: string): void {
  const body = JSON.stringify({ message });
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\ncontent-type: application/json\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
}

/** GET /exec?task=&command=...: a WebSocket to a program in a running task (docs/exec.md). */
export async function answerExec(request: IncomingMessage, socket: Duplex, route: ExecRoute): Promise<void> {
  // A client that goes away meanwhile is no fault of ours; whoever writes to it next notices.
  socket.on('error', () => undefined);
  const { path, query } = requestTarget(request.url);
  if (path !== '/exec') return refuseUpgrade(socket, 404, `There is no ${path} to be opened on an agent.`);
  if (!route.authorized(request.headers.authorization))
    return refuseUpgrade(socket, 401, 'This agent wants the token of its server.');
  if (!route.sessions) return refuseUpgrade(socket, 501, 'This agent enters no containers.');
  const protocols = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((each) => each.trim());
  if (!protocols.includes(EXEC_PROTOCOL))
    return refuseUpgrade(socket, 400, `The subprotocol ${EXEC_PROTOCOL} must be offered.`);
  const wish = readExecQuery(query);
  if (typeof wish === 'string') return refuseUpgrade(socket, 400, `The session is not possible: ${wish}.`);
  const taskId = query.get('task') ?? '';
  const record = route.record(taskId);
  if (!record) return refuseUpgrade(socket, 404, `There is no task '${taskId}' on this agent.`);
  if (!(socket instanceof Socket))
    return refuseUpgrade(socket, 501, 'Sessions need a connection of their own.');
  const headers = Object.fromEntries(
    openingHeaders.map((name) => [name, String(request.headers[name] ?? '')]),
  );
  const refusal = await route.sessions.open(record, wish, { url: request.url ?? '/', headers }, socket);
  if (refusal) refuseUpgrade(socket, refusal.status, refusal.message);
}
