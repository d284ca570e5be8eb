import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TaskInfo } from '../../../src/embedded-mesos/protocol/v1.js';
import { compiledDiskWalk } from '../support/compiled-sources.js';
import { waitFor } from '../support/patient-wait.js';
import { AgentWorld } from './agent-world.js';

const isRoot = process.getuid?.() === 0;
let world: AgentWorld;
let server: Server;
/** Answers that are held back. */
let held: ServerResponse[] = [];
let base = '';

beforeAll(async () => {
  server = createServer((request, response) => {
    if (request.url === '/app.txt') response.end('from afar');
    else if (request.url === '/held') {
      response.writeHead(200, { 'content-length': 5 });
      response.write('wo');
      held.push(response);
    } else response.writeHead(410).end();
  });
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  server.closeAllConnections();
  await new Promise((closed) => server.close(closed));
});
afterEach(async () => {
  held = [];
  expect(await world.close()).toEqual({ processes: 0, groups: [] });
});

/** All that was said of a task but how far it is with its files. */
function ends(taskId: string): readonly string[] {
  return world.states(taskId).filter((state) => state !== 'TASK_STAGING');
}

function withFiles(command: string, ...uris: string[]): TaskInfo {
  const task = world.task(command);
  return { ...task, command: { ...task.command, value: command, uris: uris.map((value) => ({ value })) } };
}

(isRoot ? describe : describe.skip)('a task with files to fetch', () => {
  beforeEach(async () => {
    world = await new AgentWorld().start();
  });

  it('starts when they are in its sandbox, which is its working folder', async () => {
    const [id = ''] = world.run(
      withFiles(
        'test "$(cat app.txt)" = "from afar" && test "$(stat -c %U app.txt)" = nobody',
        `${base}/app.txt`,
      ),
    );
    await world.status(id, 'TASK_FINISHED');
    expect(ends(id)).toEqual(['TASK_RUNNING', 'TASK_FINISHED']);
  });

  it('fails with the URI and the reason when one cannot be had', async () => {
    const [id = ''] = world.run(withFiles('true', `${base}/gone`));
    expect(await world.status(id, 'TASK_FAILED')).toMatchObject({
      reason: 'REASON_CONTAINER_LAUNCH_FAILED',
      message: `Failed to launch container: Failed to fetch ${base}/gone: the server answered 410 Gone`,
    });
    expect(ends(id)).toEqual(['TASK_FAILED']);
  });

  it('can be killed while they come, and nothing of it ever runs', async () => {
    const [id = ''] = world.run(withFiles('touch /tmp/longrun-ran', `${base}/held`));
    await waitFor(() => held.length === 1, { what: 'the transfer' });
    world.kill(id);
    expect(await world.status(id, 'TASK_KILLED')).toMatchObject({
      reason: 'REASON_TASK_KILLED_DURING_LAUNCH',
    });
    await waitFor(() => held[0]?.destroyed, { what: 'the end of the transfer' });
    expect(ends(id)).toEqual(['TASK_KILLED']);
    expect(existsSync('/tmp/longrun-ran')).toBe(false);
  });

  it('gets them anew when its agent is killed meanwhile, and runs once', async () => {
    const ran = join(mkdtempSync(join(tmpdir(), 'longrun-ran-')), 'ran');
    chmodSync(join(ran, '..'), 0o777);
    const [id = ''] = world.run(
      withFiles(`echo run >>${ran}; test "$(cat held)" = world && sleep 60`, `${base}/held`),
    );
    await waitFor(() => held.length === 1, { what: 'the transfer' });
    await world.crash();
    await waitFor(() => held[0]?.destroyed, { what: 'the end of the transfer of the agent that was killed' });
    await world.start();
    await waitFor(() => held.length === 2, { what: 'another transfer' });
    expect(existsSync(ran)).toBe(false);
    held[1]?.end('rld');
    await world.status(id, 'TASK_RUNNING');
    await waitFor(() => existsSync(ran), { what: 'the task' });
    expect(readFileSync(ran, 'utf8')).toBe('run\n');
    rmSync(join(ran, '..'), { recursive: true });
  });

  it('is killed truly when its agent is killed before it could do so', async () => {
    const [id = ''] = world.run(withFiles('true', `${base}/held`));
    await waitFor(() => held.length === 1, { what: 'the transfer' });
    world.kill(id);
    await world.crash();
    await world.start();
    // As the master does, which does not know whether the first one was heard.
    world.kill(id);
    await world.status(id, 'TASK_KILLED');
    expect(ends(id)).toEqual(['TASK_KILLED']);
  });
});

(isRoot ? describe : describe.skip)('a task with volumes of its host', () => {
  let shared = '';
  beforeEach(async () => {
    shared = mkdtempSync(join(tmpdir(), 'longrun-shared-'));
    chmodSync(shared, 0o777);
    mkdirSync(join(shared, 'read'));
    writeFileSync(join(shared, 'read/config'), 'shared');
    symlinkSync('/etc', join(shared, 'out'));
    const hostVolumes = [
      { path: shared, readOnly: false },
      { path: join(shared, 'read'), readOnly: true },
    ];
    world = await new AgentWorld({ hostVolumes }).start();
  });
  afterEach(() => rmSync(shared, { recursive: true, force: true }));

  const withVolume = (
    command: string,
    host_path: string,
    container_path: string,
    mode: 'RO' | 'RW',
  ): TaskInfo =>
    world.task(command, { container: { type: 'MESOS', volumes: [{ mode, container_path, host_path }] } });

  it('sees them in its sandbox, to write or only to read', async () => {
    const [writes = '', reads = ''] = world.run(
      withVolume('echo mine >data/file', shared, 'data', 'RW'),
      withVolume('test "$(cat conf/config)" = shared && ! touch conf/x', join(shared, 'read'), 'conf', 'RO'),
    );
    await world.status(writes, 'TASK_FINISHED');
    await world.status(reads, 'TASK_FINISHED');
    expect(readFileSync(join(shared, 'file'), 'utf8')).toBe('mine\n');
  });

  it('cannot gain rights through them: setuid programs have no effect', async () => {
    const [id = ''] = world.run(
      withVolume('grep -q "NoNewPrivs:.1" /proc/self/status', shared, '/mnt', 'RW'),
    );
    await world.status(id, 'TASK_FINISHED');
  });

  it.each([
    ['a path that is not allowed', '/etc', 'RO', "this agent's --host-volumes does not allow /etc"],
    ['a link that leads out of what is allowed', 'out', 'RO', '(/etc)'],
    ['writing where only reading is allowed', 'read', 'RW', 'for reading only'],
    ['a path that is not there', 'none', 'RO', 'does not exist on this host'],
  ] as const)('is refused %s', async (_, path, mode, message) => {
    const from = path.startsWith('/') ? path : join(shared, path);
    const [id = ''] = world.run(withVolume('true', from, 'data', mode));
    expect((await world.status(id, 'TASK_FAILED')).message).toContain(message);
  });
});

(isRoot ? describe : describe.skip)('a task that asked for disk', () => {
  const withDisk = (command: string, disk: number): TaskInfo => {
    const task = world.task(command);
    return {
      ...task,
      resources: [...task.resources, { name: 'disk', type: 'SCALAR', scalar: { value: disk } }],
    };
  };

  it('fails when its sandbox takes more, and another runs on', async () => {
    world = await new AgentWorld({
      disk: { script: compiledDiskWalk(), enforce: true, intervalMs: 100 },
    }).start();
    const [greedy = '', modest = ''] = world.run(
      withDisk('dd if=/dev/zero of=big bs=1M count=3 status=none; sleep 60', 2),
      withDisk('dd if=/dev/zero of=small bs=1M count=1 status=none; ln -s /usr usr; sleep 60', 2),
    );
    expect(await world.status(greedy, 'TASK_FAILED')).toMatchObject({
      reason: 'REASON_CONTAINER_LIMITATION_DISK',
      message: 'Disk usage (3.1MB) exceeds quota (2MB)',
      limitation: { resources: [{ name: 'disk' }] },
    });
    const used = async (): Promise<number> => {
      const all = (await world.get('/monitor/statistics')).json as {
        statistics: { disk_used_bytes?: number };
      }[];
      return all[0]?.statistics.disk_used_bytes ?? 0;
    };
    await waitFor(async () => (await used()) >= 1024 * 1024, { what: 'a measured sandbox' });
    expect(await used()).toBeLessThan(2 * 1024 * 1024);
    expect(world.states(modest)).toEqual(['TASK_RUNNING']);
  });
});
