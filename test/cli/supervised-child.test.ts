import child_process, { type ChildProcess } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SupervisedChild } from '../../src/cli/supervised-child.js';
import { silentLog } from '../../src/logging/log.js';
import { WorkerSupervisor } from '../../src/proxy/listeners/worker-supervisor.js';
import { SystemClock } from '../../src/util/clock.js';
import { waitFor } from '../support/wait-for.js';

/** As fork(2) at a limit of processes or descriptors: there is an error, and never an exit. */
function neverForked(): ChildProcess {
  const child = Object.assign(new EventEmitter(), { pid: undefined, connected: false, kill: () => false });
  setImmediate(() => child.emit('error', Object.assign(new Error('spawn EAGAIN'), { code: 'EAGAIN' })));
  return child as unknown as ChildProcess;
}

describe('a process that cannot be forked', () => {
  let folder: string;
  let entry: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'longrun-fork-'));
    entry = join(folder, 'entry.cjs');
    writeFileSync(
      entry,
      "process.on('message', () => process.exit(0)); process.on('disconnect', () => process.exit(0));",
    );
  });
  afterEach(() => {
    jest.restoreAllMocks();
    rmSync(folder, { recursive: true, force: true });
  });

  /** The first two starts fail, one of them at once. */
  function failTwice(): void {
    const { fork } = child_process;
    let calls = 0;
    jest.spyOn(child_process, 'fork').mockImplementation(((...args: Parameters<typeof fork>) => {
      calls += 1;
      if (calls === 1) return neverForked();
      if (calls === 2) throw Object.assign(new Error('spawn ENOMEM'), { code: 'ENOMEM' });
      return fork(...args);
    }) as typeof fork);
  }
  const common = { execArgv: [], clock: new SystemClock(), log: silentLog };

  it('is tried again, server and agent', async () => {
    failTwice();
    let starts = 0;
    const child = new SupervisedChild({
      ...common,
      name: 'test',
      entry,
      start: () => {
        starts += 1;
        return {} as never;
      },
      onMessage: () => undefined,
    });
    child.start();
    await waitFor(() => starts >= 2 && child.pid !== undefined);
    child.kill();
    await waitFor(() => child.pid === undefined);
  });

  it('is tried again, a worker of the load balancer; to stop one that never was takes no time', async () => {
    failTwice();
    const worker = new WorkerSupervisor({
      ...common,
      slot: 0,
      entry,
      stderr: 2,
      config: () => ({}) as never,
      onStart: () => undefined,
      onMessage: () => undefined,
    });
    worker.start();
    await waitFor(() => worker.pid !== undefined);
    await worker.stop(5_000);
    jest.spyOn(child_process, 'fork').mockImplementation(() => neverForked());
    const dead = new WorkerSupervisor({
      ...common,
      slot: 1,
      entry,
      stderr: 2,
      config: () => ({}) as never,
      onStart: () => undefined,
      onMessage: () => undefined,
    });
    dead.start();
    await dead.stop(60_000);
  });
});
