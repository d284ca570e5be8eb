import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { CheckpointLog } from '../../../src/embedded-mesos/agent/checkpoint-log.js';
import { silentLog } from '../../../src/logging/log.js';

describe('the log of checkpoints', () => {
  let folder: string;
  let path: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'longrun-checkpoints-'));
    path = join(folder, 'checkpoints');
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  async function opened(): Promise<{ log: CheckpointLog; values: ReadonlyMap<string, unknown> }> {
    const log = new CheckpointLog(path, silentLog);
    return { log, values: await log.open() };
  }

  /** What a new start would find. */
  async function found(): Promise<ReadonlyMap<string, unknown>> {
    const { log, values } = await opened();
    await log.close();
    return values;
  }

  it('gives back what was put and not deleted', async () => {
    const { log } = await opened();
    await Promise.all([
      log.put('a', { n: 1 }),
      log.put('b', 'é\n'),
      log.put('a', { n: 2 }),
      log.put('c', 3),
      log.delete('c'),
    ]);
    await log.close();
    expect([...(await found())]).toEqual([
      ['a', { n: 2 }],
      ['b', 'é\n'],
    ]);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it('keeps what it has written when it cannot be written anew, and tidies up later', async () => {
    const { log } = await opened();
    const big = 'x'.repeat(500_000);
    // What stands where the new file would be made does so for a full disk.
    const obstacle = `${path}.new`;
    mkdirSync(join(obstacle, 'x'), { recursive: true });
    for (let n = 0; n < 12; n++) await log.put('k', `${n}${big}`);
    await log.put('last', 1);
    rmSync(obstacle, { recursive: true });
    const untidy = statSync(path).size;
    expect(untidy).toBeGreaterThan(12 * big.length);
    for (let n = 0; n < 12; n++) await log.put('k', `${n}${big}`);
    expect(statSync(path).size).toBeLessThan(untidy);
    await log.close();
    expect([...(await found()).keys()].sort()).toEqual(['k', 'last']);
  });

  it('holds, cut anywhere, exactly the changes whose lines are whole', async () => {
    const { log } = await opened();
    const states: Record<string, unknown>[] = [{}];
    for (let n = 0; n < 6; n++) {
      await log.put(`k${n % 3}`, { n });
      states.push({ ...states.at(-1), [`k${n % 3}`]: { n } });
    }
    await log.close();
    const whole = readFileSync(path);
    const headBytes = whole.indexOf(10) + 1;
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: headBytes, max: whole.length }), async (cut) => {
        writeFileSync(path, whole.subarray(0, cut));
        const lines = whole.subarray(headBytes, cut).toString().split('\n');
        // A last line that lacks only its newline is whole.
        const changes =
          whole.subarray(cut - 1, cut + 1).toString() === '}\n' ? lines.length : lines.length - 1;
        expect(Object.fromEntries(await found())).toEqual(states[changes]);
      }),
      { numRuns: 60 },
    );
  });

  it('skips a damaged line and keeps the rest', async () => {
    const { log } = await opened();
    await log.put('a', 1);
    await log.put('b', 2);
    await log.close();
    writeFileSync(path, readFileSync(path, 'utf8').replace('"value":1', '"value":7'));
    expect([...(await found())]).toEqual([['b', 2]]);
  });

  it('is rewritten when little of it still counts', async () => {
    const { log } = await opened();
    const value = 'x'.repeat(100_000);
    for (let n = 0; n < 60; n++) await log.put('one', value + n);
    await log.close();
    expect(statSync(path).size).toBeLessThan(4_500_000);
    expect((await found()).get('one')).toBe(`${value}59`);
  });

  it('refuses a newer format', async () => {
    writeFileSync(path, 'longrun-checkpoints 2\n');
    await expect(opened()).rejects.toThrow('format 2');
  });

  it('says when it cannot write, and goes on when it can', async () => {
    const { log } = await opened();
    await log.put('a', 1);
    await log.close();
    await expect(log.put('b', 2)).rejects.toThrow('closed');
    expect((await found()).get('a')).toBe(1);
  });
});
