import { AgentHttp } from '../../../src/embedded-mesos/agent/http/agent-http.js';
import type { AgentView } from '../../../src/embedded-mesos/agent/http/agent-state.js';
import { silentLog } from '../../../src/logging/log.js';

/** The agent's port alone: nothing runs behind it. */
async function portWith(readToken?: string): Promise<AgentHttp> {
  const view = { version: '1', nowMs: 0 } as unknown as AgentView;
  const http = new AgentHttp(
    { address: '127.0.0.1', port: 0, hostname: 'box', ...(readToken === undefined ? {} : { readToken }) },
    () => view,
    {} as ConstructorParameters<typeof AgentHttp>[2],
    silentLog,
  );
  await http.start();
  return http;
}

describe('the port of an agent whose server asks who callers are', () => {
  it('shows sandboxes and statistics to the holder of the token only, its health to all', async () => {
    const http = await portWith('work-dir-token');
    const ask = async (path: string, authorization?: string): Promise<number> =>
      (await fetch(http.url + path, authorization === undefined ? {} : { headers: { authorization } }))
        .status;
    try {
      for (const path of [
        '/files/read?path=/tasks/x/stdout',
        '/slave(1)/files/browse',
        '/state',
        '/containers',
        '/x',
      ])
        expect([path, await ask(path), await ask(path, 'Bearer work-dir-toke')]).toEqual([path, 401, 401]);
      expect(await ask('/x', 'Bearer work-dir-token')).toBe(404);
      expect([await ask('/health'), await ask('/slave(1)/version')]).toEqual([200, 200]);
    } finally {
      await http.stop();
    }
  });

  it('is open where nobody has to say who they are', async () => {
    const http = await portWith();
    try {
      expect((await fetch(`${http.url}/x`)).status).toBe(404);
    } finally {
      await http.stop();
    }
  });
});
