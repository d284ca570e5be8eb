import { createServer, request as httpRequest, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocket, WebSocketServer } from 'ws';
import { waitFor } from '../support/wait-for.js';
import { ApiWorld } from './support/api-world.js';
import { type AuthWorld, bearer, makeAuth, OPERATOR_TOKEN } from './support/auth.js';
import { record, running } from './support/fakes.js';

const PROTOCOL = 'longrun.exec.v1';
const task = running('/web', 1);
const taskId = task.task?.id ?? '';

let auth: AuthWorld;
let world: ApiWorld;
let agent: Server;
const asked: { url: URL; authorization: string | undefined }[] = [];
/** What the agent says instead of opening. */
const agentSockets: Duplex[] = [];
let refusal: { status: number; message: string } | undefined;

beforeEach(async () => {
  asked.length = 0;
  refusal = undefined;
  const sockets = new WebSocketServer({ noServer: true, handleProtocols: () => PROTOCOL });
  agent = createServer();
  agent.on('upgrade', (request, socket, head) => {
    agentSockets.push(socket);
    const { authorization } = request.headers;
    asked.push({ url: new URL(request.url ?? '', 'http://agent'), authorization });
    if (refusal) {
      const body = JSON.stringify({ message: refusal.message });
      socket.end(`HTTP/1.1 ${refusal.status} X\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
      return;
    }
    sockets.handleUpgrade(request, socket, head, (opened) => {
      opened.on('message', (data, isBinary) => opened.send(data, { binary: isBinary }));
    });
  });
  await new Promise<void>((resolve) => agent.listen(0, '127.0.0.1', resolve));
  auth = await makeAuth();
  world = await new ApiWorld().start({ auth, agentToken: 'the agents secret' });
  world.registry.put(record('/web'));
  world.scheduler.add(task);
  world.agents.set('agent-1', { hostname: '127.0.0.1', port: (agent.address() as AddressInfo).port });
});

afterEach(async () => {
  await world.stop();
  for (const socket of agentSockets.splice(0)) socket.destroy();
  agent.closeAllConnections();
  await new Promise((resolve) => agent.close(resolve));
});

interface Opened {
  readonly socket: WebSocket;
  readonly heard: string[];
  refused: { status: number; code: string } | undefined;
  closed: boolean;
}

async function open(
  headers: Record<string, string>,
  query = 'command=ls&command=-l',
  id = taskId,
  protocols: string[] = [PROTOCOL],
): Promise<Opened> {
  const url = `ws://127.0.0.1:${world.port}/v2/tasks/${id}/exec?${query}`;
  const socket = new WebSocket(url, protocols, { headers });
  const opened: Opened = { socket, heard: [], refused: undefined, closed: false };
  socket.on('message', (data) => opened.heard.push(String(data)));
  socket.on('close', () => {
    opened.closed = true;
  });
  socket.on('error', () => undefined);
  socket.on('unexpected-response', (_request, answer) => {
    let text = '';
    answer.on('data', (chunk) => {
      text += chunk;
    });
    answer.on('end', () => {
      opened.refused = { status: answer.statusCode ?? 0, code: JSON.parse(text).code };
    });
  });
  await waitFor(() => socket.readyState === WebSocket.OPEN || opened.refused, { what: 'an answer' });
  return opened;
}

const admin = bearer(OPERATOR_TOKEN);
const entries = async () => (await auth.trail.page({ after: 0, limit: 10 }, {})).entries;

describe('a session in a task', () => {
  it('passes bytes through, both ways, to the task’s agent, which is shown our own token and asked what the client asked', async () => {
    const { socket, heard } = await open(admin, 'command=ls&command=-l&tty=true&task=another&secret=1');
    socket.send('hello');
    await waitFor(() => heard.includes('hello'), { what: 'the echo' });
    expect(asked[0]?.authorization).toBe('Bearer the agents secret');
    expect([...(asked[0]?.url.searchParams ?? [])]).toEqual([
      ['task', taskId],
      ['command', 'ls'],
      ['command', '-l'],
      ['tty', 'true'],
    ]);
    expect(socket.protocol).toBe(PROTOCOL);
    socket.close();
  });

  it('without a subprotocol is the agent’s to refuse, in its own words', async () => {
    refusal = { status: 400, message: 'The subprotocol must be offered.' };
    const { socket, refused } = await open(admin, 'command=ls', taskId, []);
    expect(refused).toEqual({ status: 400, code: 'bad-request' });
    expect(asked).toHaveLength(1);
    socket.terminate();
  });

  it('needs the right `exec` on the app: `view` and `deploy` are not enough; refused ones are in the audit trail, too', async () => {
    const other = await auth.token('other', [
      { right: 'view', path: '/' },
      { right: 'deploy', path: '/' },
      { right: 'exec', path: '/shop' },
    ]);
    expect((await open(other)).refused).toEqual({ status: 403, code: 'missing-right' });
    expect(asked).toEqual([]);
    const own = await auth.token('own', [{ right: 'exec', path: '/web' }]);
    const { socket, refused } = await open(own);
    expect(refused).toBeUndefined();
    socket.close();
    expect((await entries()).map(({ who, status, path, apps }) => [who, status, path, apps])).toEqual([
      ['other', 403, `/v2/tasks/${taskId}/exec`, undefined],
      ['own', 101, `/v2/tasks/${taskId}/exec`, ['/web']],
    ]);
  });

  it('does not run when it cannot be noted in the audit trail', async () => {
    const failing = {
      ...auth,
      trail: Object.create(auth.trail, { append: { value: () => Promise.reject(new Error('full')) } }),
    };
    await world.stop();
    world = await new ApiWorld().start({ auth: failing });
    world.registry.put(record('/web'));
    world.scheduler.add(task);
    world.agents.set('agent-1', { hostname: '127.0.0.1', port: (agent.address() as AddressInfo).port });
    expect((await open(admin)).refused?.status).toBe(500);
    expect(asked).toEqual([]);
  });

  it('is not for pages of other servers, which a browser lets ask with the credentials that it keeps', async () => {
    const foreign = await open({ ...admin, origin: 'http://evil.example' });
    expect(foreign.refused).toEqual({ status: 403, code: 'foreign-origin' });
    const own = await open({ ...admin, origin: `http://127.0.0.1:${world.port}` });
    expect(own.refused).toBeUndefined();
    own.socket.close();
  });

  it('ends when the token that it was opened with is revoked', async () => {
    const own = await auth.token('own', [{ right: 'exec', path: '/web' }]);
    const session = await open(own);
    const id = (await auth.authenticator.authenticate(own['authorization'])).tokenId ?? '';
    await auth.tokens.revoke(id);
    await waitFor(() => session.closed, { what: 'the end' });
  });

  it('ends when its agent goes away', async () => {
    const session = await open(admin);
    for (const socket of agentSockets) socket.destroy();
    await waitFor(() => session.closed, { what: 'the end' });
  });

  it('is refused in the agent’s words, and with our own where there is no such task or no agent', async () => {
    refusal = { status: 409, message: 'Task does not run.' };
    expect((await open(admin)).refused).toEqual({ status: 409, code: 'not-enterable' });
    refusal = { status: 400, message: 'command is missing.' };
    expect((await open(admin, '')).refused).toEqual({ status: 400, code: 'bad-request' });
    refusal = { status: 401, message: 'This agent wants the token of its server.' };
    expect((await open(admin)).refused).toEqual({ status: 503, code: 'agent-unreachable' });
    expect((await open(admin, 'command=a', 'nobody.s')).refused).toEqual({
      status: 404,
      code: 'task-not-found',
    });
    world.agents.clear();
    expect((await open(admin)).refused).toEqual({ status: 503, code: 'agent-unreachable' });
  });

  it('speaks WebSocket only', async () => {
    const answer = await world.ask('GET', `/v2/tasks/${taskId}/exec?command=ls`, { headers: admin });
    expect([answer.status, answer.json['code']]).toEqual([426, 'websocket-required']);
  });
});

describe('other requests that offer another protocol', () => {
  it('are answered as if they did not: clients offer HTTP/2 with every plain request', async () => {
    const body = '{"ids":[]}';
    const status = await new Promise((resolve, reject) => {
      const request = httpRequest(
        {
          port: world.port,
          host: '127.0.0.1',
          method: 'POST',
          path: '/v2/tasks/delete',
          headers: {
            ...admin,
            connection: 'Upgrade, HTTP2-Settings',
            upgrade: 'h2c',
            'http2-settings': 'AAMAAABkAAQAAP__',
            'content-type': 'application/json',
            'content-length': body.length,
          },
        },
        (answer) => {
          answer.resume();
          resolve(answer.statusCode);
        },
      );
      request.on('error', reject);
      request.end(body);
    });
    expect(status).toBe(200);
  });

  it('get an ordinary answer when they ask for a WebSocket where there is none', async () => {
    const socket = new WebSocket(`ws://127.0.0.1:${world.port}/v2/info`, PROTOCOL, { headers: admin });
    const status = await new Promise((resolve) => {
      socket.on('error', () => undefined);
      socket.on('unexpected-response', (_request, answer) => {
        answer.resume();
        answer.on('end', () => resolve(answer.statusCode));
      });
    });
    expect(status).toBe(200);
  });
});
