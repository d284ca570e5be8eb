/**
 * The process that keeps programs which joined a container: agent-side checks, and sessions that somebody talks to. It is the
 * agent's child: without it nobody would end them, so they go with it.
 * usage: forked with an IPC channel; orders come as messages.
 */
import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { WebSocketServer } from 'ws';
import { EXEC_PROTOCOL, MAX_FRAME_BYTES } from '../decide/exec-protocol.js';
import type { FromExecHost, SessionOrder, ToExecHost } from './host-messages.js';
import { ProgramRun } from './program-run.js';
import { Session } from './session.js';
import { startProgram } from './start-program.js';

const runs = new Map<string, ProgramRun>();
const sessions = new Map<string, Session>();
const sockets = new WebSocketServer({
  noServer: true,
  maxPayload: MAX_FRAME_BYTES,
  perMessageDeflate: false,
  handleProtocols: (offered) => (offered.has(EXEC_PROTOCOL) ? EXEC_PROTOCOL : false),
});

function tell(message: FromExecHost): void {
  if (process.connected) process.send?.(message);
}

function run({ id, entering, timeoutMs }: Extract<ToExecHost, { type: 'run' }>): void {
  const made = new ProgramRun((end, output) => {
    runs.delete(id);
    tell({ type: 'ran', id, end, output });
  });
  runs.set(id, made);
  void made.start(entering, timeoutMs);
}

function attach(id: string, order: SessionOrder, socket: Socket): void {
  const { entering, terminal, input, idleMs } = order;
  const request = new IncomingMessage(socket);
  request.method = 'GET';
  request.url = order.request.url;
  request.headers = { ...order.request.headers };
  const refused = (): void => tell({ type: 'closed', id, end: { failure: 'the connection was closed' } });
  socket.once('close', refused);
  sockets.handleUpgrade(request, socket, Buffer.alloc(0), (opened) => {
    socket.removeListener('close', refused);
    const session = new Session(opened, {
      input,
      idleMs,
      onOver: (end) => {
        sessions.delete(id);
        tell({ type: 'closed', id, end });
      },
    });
    sessions.set(id, session);
    const how = { input, ...(terminal && { terminal }) };
    void session.start((listeners) => startProgram(entering, how, listeners));
  });
}

function endAll(why: string): void {
  for (const each of runs.values()) each.end(why);
  for (const session of sessions.values()) session.end(why);
}

process.on('message', (message: ToExecHost, handle: unknown) => {
  switch (message.type) {
    case 'run':
      run(message);
      return;
    case 'attach':
      if (handle instanceof Socket) attach(message.id, message.order, handle);
      else tell({ type: 'closed', id: message.id, end: { failure: 'the connection was closed' } });
      return;
    case 'end':
      runs.get(message.id)?.end(message.why);
      sessions.get(message.id)?.end(message.why);
      return;
  }
});
// The agent decides when its child ends: a terminal's Ctrl-C goes to all of them.
process.on('SIGINT', () => undefined);
process.on('SIGHUP', () => undefined);
process.on('disconnect', () => {
  endAll('the agent has ended');
  process.exit(0);
});
