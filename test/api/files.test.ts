import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { locateTask } from '../../src/api/decide/locate-task.js';
import { ApiWorld } from './support/api-world.js';
import { at, record, running } from './support/fakes.js';

let world: ApiWorld;
let agent: Server;
let answer: (request: IncomingMessage, response: ServerResponse) => void;
const asked: { url: string; host: string | undefined }[] = [];
const task = running('/web', 1);
const taskId = task.task?.id ?? '';

beforeEach(async () => {
  asked.length = 0;
  answer = (_request, response) => response.setHeader('content-type', 'application/octet-stream').end();
  agent = createServer((request, response) => {
    asked.push({ url: request.url ?? '', host: request.headers.host });
    answer(request, response);
  });
  await new Promise<void>((resolve) => agent.listen(0, '127.0.0.1', resolve));
  world = await new ApiWorld().start();
  world.registry.put(record('/web'));
  world.scheduler.add(task);
  world.agents.set('agent-1', { hostname: '127.0.0.1', port: (agent.address() as AddressInfo).port });
});
afterEach(async () => {
  await world.stop();
  agent.closeAllConnections();
  await new Promise((resolve) => agent.close(resolve));
});

describe("a task's sandbox", () => {
  it('is read where it lies, with the path below the task and the agent named as Host', async () => {
    answer = (_request, response) =>
      response.setHeader('content-type', 'application/json').end('{"data":"hi","offset":0}');
    const got = await world.ask('GET', `/v2/files/${taskId}/read?path=stdout&offset=0&length=100&secret=1`);
    expect(got.json).toEqual({ data: 'hi', offset: 0 });
    const url = new URL(asked[0]?.url ?? '', 'http://agent');
    expect(url.pathname).toBe('/files/read');
    expect(Object.fromEntries(url.searchParams)).toEqual({
      path: `/tasks/${taskId}/stdout`,
      offset: '0',
      length: '100',
    });
    expect(asked[0]?.host).toBe(`127.0.0.1:${(agent.address() as AddressInfo).port}`);
  });

  it('cannot be left with dots, encoded or not', async () => {
    for (const path of [
      '../../../etc/passwd',
      '%2e%2e%2f%2e%2e%2fetc/passwd',
      'a/../../..//etc/passwd',
      '%252e%252e/x',
    ]) {
      await world.ask('GET', `/v2/files/${taskId}/download?path=${path}`);
      const asking = new URL(asked.at(-1)?.url ?? '', 'http://agent').searchParams.get('path') ?? '';
      expect(asking.startsWith(`/tasks/${taskId}/`)).toBe(true);
      expect(asking.split('/')).not.toContain('..');
    }
  });

  it("passes the agent's errors on, and nothing of its other headers", async () => {
    answer = (_request, response) => {
      response
        .writeHead(404, { 'content-type': 'application/json', 'set-cookie': 'a=b' })
        .end('{"message":"no such file"}');
    };
    const got = await world.ask('GET', `/v2/files/${taskId}/read?path=nope`);
    expect([got.status, got.json]).toEqual([404, { message: 'no such file' }]);
    expect(got.headers).not.toHaveProperty('set-cookie');
  });

  it('streams: a large file passes through whole', async () => {
    answer = (_request, response) => {
      response.setHeader('content-type', 'application/octet-stream');
      for (let count = 0; count < 50; count++) response.write('x'.repeat(100_000));
      response.end();
    };
    const got = await world.ask('GET', `/v2/files/${taskId}/download?path=stdout`);
    expect(got.text).toHaveLength(5_000_000);
  });

  it('cuts the answer when the agent dies in the middle: a torn file must not look whole', async () => {
    answer = (_request, response) => {
      response.writeHead(200, { 'content-length': '1000' });
      response.write('half', () => response.destroy());
    };
    await expect(world.ask('GET', `/v2/files/${taskId}/download?path=stdout`)).rejects.toThrow();
  });

  it('of an unknown task is 404, of an unreachable agent 503, without a path 400', async () => {
    expect((await world.ask('GET', '/v2/files/web.nope/read?path=stdout')).status).toBe(404);
    expect((await world.ask('GET', `/v2/files/${taskId}/read`)).status).toBe(400);
    world.agents.set('agent-1', { hostname: '127.0.0.1', port: 1 });
    const refused = await world.ask('GET', `/v2/files/${taskId}/read?path=stdout`);
    expect([refused.status, refused.json['code']]).toEqual([503, 'agent-unreachable']);
    world.agents.clear();
    expect((await world.ask('GET', `/v2/files/${taskId}/browse`)).status).toBe(503);
  });

  it('is still found after the task ended: by the last failure, else where its instance runs now', () => {
    const failure = {
      appId: task.appId,
      host: 'h',
      message: 'm',
      state: 'TASK_FAILED',
      taskId: taskId as never,
      timestamp: at(1),
      version: at(0),
      slaveId: 'agent-9',
    };
    const nothing = { byTask: () => undefined, instance: () => undefined, lastFailure: () => undefined };
    expect(locateTask(taskId, { ...nothing, lastFailure: () => failure })).toBe('agent-9');
    const relaunched = { ...nothing, instance: (id: string) => (id === task.id ? task : undefined) };
    expect(locateTask(taskId.replace(/1$/, '3'), relaunched)).toBe('agent-1');
    expect(locateTask('what', nothing)).toBeUndefined();
  });
});
