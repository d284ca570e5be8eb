import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PassThrough } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import type { CommandIo } from '../../src/cli/rest/command-io.js';
import { exec } from '../../src/cli/rest/exec-command.js';
import { RestClient, RestError } from '../../src/cli/rest/rest-client.js';
import { waitFor } from '../support/wait-for.js';

const task = 'web.instance-6b7c6d1e-0000-11f1-a93a-550a295e2ac3._app.1';

describe('longrun exec', () => {
  let server: Server;
  let client: RestClient;
  let opened: { socket: WebSocket; url: URL; authorization: string | undefined } | undefined;
  let heard: (string | Buffer)[];
  let tasks: readonly { id: string; state: string }[];
  let refusal: string | undefined;
  const interrupt = { controller: new AbortController() };
  let errors: string;

  const io = (): CommandIo => ({
    out: () => undefined,
    err: (text) => {
      errors += `${text}\n`;
    },
    raw: () => undefined,
    readText: async () => '',
    terminal: false,
    interrupted: interrupt.controller.signal,
  });

  class Terminal extends PassThrough {
    isTTY = true;
    rows = 40;
    columns = 120;
    raw: boolean[] = [];
    setRawMode(mode: boolean): this {
      this.raw.push(mode);
      return this;
    }
  }
  const streams = () => ({ stdin: new Terminal(), stdout: new Terminal(), stderr: new PassThrough() });

  beforeEach(async () => {
    opened = undefined;
    heard = [];
    errors = '';
    refusal = undefined;
    interrupt.controller = new AbortController();
    tasks = [{ id: task, state: 'TASK_RUNNING' }];
    const sockets = new WebSocketServer({ noServer: true, handleProtocols: () => 'longrun.exec.v1' });
    server = createServer((_request, response) => response.end(JSON.stringify({ tasks })));
    server.on('upgrade', (request, socket, head) => {
      if (refusal !== undefined) {
        socket.end(`HTTP/1.1 403 X\r\ncontent-length: ${refusal.length}\r\n\r\n${refusal}`);
        return;
      }
      sockets.handleUpgrade(request, socket, head, (made) => {
        made.on('message', (data: Buffer, isBinary) => heard.push(isBinary ? data : data.toString()));
        const { authorization } = request.headers;
        opened = { socket: made, url: new URL(request.url ?? '', 'http://x'), authorization };
      });
    });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    client = new RestClient({ url, authorization: 'Bearer mine' });
  });

  afterEach(async () => {
    opened?.socket.terminate();
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  });

  const session = () => waitFor(() => opened, { what: 'the session' });
  const run = (over: Partial<Parameters<typeof exec>[2]> = {}, given = streams()) =>
    exec(client, io(), { target: task, argv: ['ls', '-l'], input: false, terminal: false, ...over }, given);

  it('prints both outputs and exits as the program did', async () => {
    const given = streams();
    const done = run({}, given);
    const { socket, url, authorization } = await session();
    expect([authorization, url.pathname]).toEqual(['Bearer mine', `/v2/tasks/${task}/exec`]);
    expect([...url.searchParams]).toEqual([
      ['command', 'ls'],
      ['command', '-l'],
    ]);
    socket.send(Buffer.from('\x01good'));
    socket.send(Buffer.from('\x02bad'));
    socket.send('{"type":"exit","code":9}');
    socket.close(1000);
    expect(await done).toBe(9);
    expect([given.stdout.read()?.toString(), given.stderr.read()?.toString()]).toEqual(['good', 'bad']);
  });

  it('says a signal as a shell does, and why a session ended that was not ended by the program', async () => {
    const killed = run();
    (await session()).socket.send('{"type":"exit","signal":"SIGKILL"}');
    opened?.socket.close(1000);
    expect(await killed).toBe(137);
    opened = undefined;
    const ended = run();
    (await session()).socket.close(1008, 'the task has ended');
    expect(await ended).toBe(1);
    expect(errors).toContain('the session has ended: the task has ended');
  });

  it('passes input on to its end, and Ctrl-C as a signal', async () => {
    const given = streams();
    const done = run({ input: true }, given);
    const { socket } = await session();
    given.stdin.end('typed');
    await waitFor(() => heard.includes('{"type":"end-of-input"}'), { what: 'the end of the input' });
    expect(String(heard[0])).toBe('\0typed');
    interrupt.controller.abort();
    await waitFor(() => heard.includes('{"type":"signal","signal":"SIGINT"}'), { what: 'the signal' });
    socket.send('{"type":"exit","code":0}');
    socket.close(1000);
    expect(await done).toBe(0);
    expect(given.stdin.raw).toEqual([]);
  });

  it('takes the terminal over while it lasts, with its size and its changes', async () => {
    const given = streams();
    const done = run({ input: true, terminal: true }, given);
    const { socket, url } = await session();
    expect(Object.fromEntries(url.searchParams)).toMatchObject({ tty: 'true', rows: '40', columns: '120' });
    await waitFor(() => given.stdin.raw.length > 0, { what: 'the raw mode' });
    given.stdout.rows = 0;
    given.stdout.emit('resize');
    await waitFor(() => heard.includes('{"type":"resize","rows":24,"columns":120}'), { what: 'the size' });
    socket.send('{"type":"exit","code":0}');
    socket.close(1000);
    await done;
    expect(given.stdin.raw).toEqual([true, false]);
  });

  it('finds a running task of an app, and says which when there are several', async () => {
    tasks = [
      { id: 'web.instance-a._app.1', state: 'TASK_STAGING' },
      { id: task, state: 'TASK_RUNNING' },
      { id: 'web.instance-b._app.1', state: 'TASK_RUNNING' },
    ];
    const done = run({ target: '/web' });
    const { socket, url } = await session();
    expect(url.pathname).toBe(`/v2/tasks/${task}/exec`);
    socket.close(1000);
    await done;
    expect(errors).toContain(`in ${task}, one of 2 tasks`);
    tasks = [];
    await expect(run({ target: '/web' })).rejects.toThrow('/web has no running task');
  });

  it('tells a refusal in the server’s words', async () => {
    refusal = '{"message":"ann has no right exec on /web","hint":"Ask for it."}';
    const error = await run().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(RestError);
    expect(error).toMatchObject({
      message: 'ann has no right exec on /web',
      hint: 'Ask for it.',
      status: 403,
    });
  });

  it('does not take a pipe for a terminal', async () => {
    const given = streams();
    given.stdin.isTTY = false;
    await expect(run({ terminal: true }, given)).rejects.toThrow('standard input is no terminal');
  });
});
