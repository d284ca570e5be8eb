import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { waitFor } from '../support/patient-wait.js';
import { ContainerWorld, isRoot } from './container-world.js';

const asRoot = isRoot ? describe : describe.skip;

/** All of a stream, oldest file first. */
function wholeOutput(world: ContainerWorld, id: string): string {
  const folder = join(world.root, 'outputs', id);
  const files = readdirSync(folder).filter((name) => name.startsWith('stdout'));
  const age = (name: string): number => Number(name.split('.')[1] ?? 0);
  return files
    .sort((a, b) => age(b) - age(a))
    .map((name) => readFileSync(join(folder, name), 'utf8'))
    .join('');
}

function lines(count: number): string {
  return Array.from({ length: count }, (_, n) => `line ${n + 1}\n`).join('');
}

asRoot('the output of tasks', () => {
  it('is bounded: full files of whole lines, the newest kept', async () => {
    const world = new ContainerWorld({ fileBytes: 16_384, files: 3 });
    await world.start();
    const { id } = await world.run('i=0; while [ $i -lt 20000 ]; do i=$((i+1)); echo "line $i"; done');
    const folder = join(world.root, 'outputs', id);
    const names = readdirSync(folder)
      .filter((name) => name.startsWith('stdout'))
      .sort();
    expect(names).toEqual(['stdout', 'stdout.1', 'stdout.2']);
    for (const name of names) {
      expect(statSync(join(folder, name)).size).toBeLessThanOrEqual(16_384);
      expect(readFileSync(join(folder, name), 'utf8')).toMatch(
        name === 'stdout' ? /^(line \d+\n|$)/ : /^line \d+\n/,
      );
    }
    expect(lines(20_000).endsWith(wholeOutput(world, id))).toBe(true);
    expect(wholeOutput(world, id).length).toBeGreaterThan(2 * 8_192);
    expect(await world.close()).toEqual({ processes: [], groups: [] });
  });

  it('waits for the log pump when that is killed, and has no line torn but where the pump held one', async () => {
    const world = new ContainerWorld({ fileBytes: 64 * 1024 * 1024 });
    await world.start();
    const id = world.launch('i=0; while [ $i -lt 60000 ]; do i=$((i+1)); echo "line $i"; done');
    await world.started(id);
    let kills = 0;
    for (let round = 0; round < 4; round++) {
      const size = statSync(join(world.root, 'outputs', id, 'stdout')).size;
      await waitFor(
        () =>
          statSync(join(world.root, 'outputs', id, 'stdout')).size > size ||
          world.events.some(({ type }) => type === 'ended'),
      );
      const pid = world.containerizer.servants.logPump;
      if (pid === undefined) continue;
      process.kill(pid, 'SIGKILL');
      kills++;
      await waitFor(
        () =>
          world.containerizer.servants.logPump !== undefined && world.containerizer.servants.logPump !== pid,
      );
    }
    expect(kills).toBeGreaterThan(0);
    expect((await world.ended(id)).exit).toEqual({ code: 0 });
    // What a killed pump had read but not yet written is a few microseconds' worth: normally nothing at all.
    const got = wholeOutput(world, id).split('\n').filter(Boolean);
    const torn = got.filter((line) => !/^line \d+$/.test(line));
    expect(torn.length).toBeLessThanOrEqual(kills);
    expect(got.length).toBeGreaterThanOrEqual(60_000 - kills * 8_192);
    expect(await world.close()).toEqual({ processes: [], groups: [] });
  });

  it('survives a dead agent: written on, and complete when the task ends meanwhile', async () => {
    const world = new ContainerWorld();
    await world.start();
    const id = world.launch('sleep 0.2; i=0; while [ $i -lt 5000 ]; do i=$((i+1)); echo "line $i"; done');
    await world.started(id);
    await world.containerizer.stop();
    await waitFor(() => world.records(id).includes('exited'));
    await world.restart();
    await world.ended(id);
    expect(wholeOutput(world, id)).toBe(lines(5_000));
    expect(await world.close()).toEqual({ processes: [], groups: [] });
  });

  it('is written before the end of its task is told, even by a pump that was just started', async () => {
    const world = new ContainerWorld();
    await world.start();
    const ids = await Promise.all(
      Array.from({ length: 5 }, async () => (await world.run('echo last words', {})).id),
    );
    expect(ids.map((id) => wholeOutput(world, id))).toEqual(ids.map(() => 'last words\n'));
    expect(await world.close()).toEqual({ processes: [], groups: [] });
  });
});
