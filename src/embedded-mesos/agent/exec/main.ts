/**
 * The process that keeps programs which joined a container: agent-side checks, and sessions that somebody talks to. It is the
 * agent's child: without it nobody would end them, so they go with it.
 * usage: forked with an IPC channel; orders come as messages.
 */
import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { WebSocketServer } from 'ws';
import { EXEC_PROTOCOL, MAX_FRAME_BYTES } from '../decide/exec-protocol.js';
import type { FromExecHost, ProgramEnd, SessionOrder, ToExecHost } from './host-messages.js';
import { type Program, pipedProgram } from './program.js';
import { Session } from './session.js';
import { terminalProgram } from './terminal-program.js';

/** What is kept of a check's output, for the sentence that tells of its failure. */
const OUTPUT_BYTES = 4 * 1024;

const runs = new Map<string, (why: string) => void>();
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
  let output = Buffer.alloc(0);
  let forced: ProgramEnd | undefined;
  let timer: NodeJS.Timeout | undefined;
  const program: Program = pipedProgram(entering, false, {
    onOutput: (_stream, chunk) => {
      output = Buffer.concat([output, chunk]).subarray(-OUTPUT_BYTES);
    },
    onDrain: () => undefined,
    onEnd: (end) => {
      clearTimeout(timer);
      runs.delete(id);
      tell({ type: 'ran', id, end: forced ?? end, output: output.toString('utf8') });
    },
  });
  if (timeoutMs !== undefined) {
    timer = setTimeout(() => {
      forced = { timedOut: true };
      program.kill();
    }, timeoutMs);
  }
  runs.set(id, (why) => {
    forced = { failure: why };
    program.kill();
  });
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
    void session.start((listeners) =>
      terminal ? terminalProgram(entering, terminal, listeners) : pipedProgram(entering, input, listeners),
    );
  });
}

function endAll(why: string): void {
  for (const end of runs.values()) end(why);
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
      runs.get(message.id)?.(message.why);
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
