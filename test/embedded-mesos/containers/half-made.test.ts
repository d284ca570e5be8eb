import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ContainerHost } from '../../../src/embedded-mesos/containers/container-host.js';
import { drainOutput } from '../../../src/embedded-mesos/containers/end-container.js';
import { RunFiles } from '../../../src/embedded-mesos/containers/run-files.js';
import { silentLog } from '../../../src/logging/log.js';
import { SystemClock } from '../../../src/util/clock.js';
import { waitFor } from '../support/patient-wait.js';
import { ContainerWorld, isRoot } from './container-world.js';

const asRoot = isRoot ? it : it.skip;

function makePipe(path: string): void {
  expect(spawnSync('mkfifo', [path]).status).toBe(0);
}

/** The launcher makes the pipes of several containers by one program; their end may come in the middle of it. */
describe('a container that ends while it is made', () => {
  it('has the pipe drained too that came after the others were', async () => {
    const root = mkdtempSync(join(tmpdir(), 'longrun-half-'));
    const files = new RunFiles(root);
    mkdirSync(files.pipes);
    const host = {
      files,
      clock: new SystemClock(),
      log: silentLog,
      stopped: false,
    } as unknown as ContainerHost;
    const late = files.pipe('c1', 'stderr');
    makePipe(files.pipe('c1', 'stdout'));
    let ended = false;
    const draining = drainOutput(host, 'c1').then(() => {
      ended = true;
    });
    await waitFor(() => existsSync(files.drainMark('c1')));
    // What a pump does at the mark, and meanwhile the launcher.
    rmSync(files.pipe('c1', 'stdout'));
    makePipe(late);
    rmSync(files.drainMark('c1'));
    await waitFor(() => existsSync(files.drainMark('c1')), { what: 'another mark for the late pipe' });
    expect(ended).toBe(false);
    rmSync(late);
    await draining;
    rmSync(root, { recursive: true });
  });

  asRoot('leaves no pipe that came after its end, and the log pump none that somebody removed', async () => {
    const world = new ContainerWorld();
    await world.start();
    try {
      const { id } = await world.run('true');
      const pipe = join(world.root, 'pipes', `${id}.stderr`);
      makePipe(pipe);
      world.containerizer.forget(id);
      await waitFor(() => !existsSync(pipe), { what: 'the pipe to be gone' });

      const strange = join(world.root, 'pipes', 'stranger.stdout');
      makePipe(strange);
      await waitFor(() => existsSync(join(world.root, 'outputs', 'stranger')));
      rmSync(strange);
      const pump = world.containerizer.servants.logPump ?? 0;
      process.kill(pump, 'SIGTERM');
      await waitFor(() => !existsSync(`/proc/${pump}`), { what: 'the pump, which serves nobody, to leave' });
    } finally {
      await world.close();
    }
  });
});
