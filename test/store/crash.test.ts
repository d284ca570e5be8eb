import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog } from '../../src/logging/log.js';
import { LmdbStore } from '../../src/store/lmdb-store.js';
import { emitSources } from './emit-sources.js';
import { allOf, codeOf } from './state-store-contract.js';

const WRITER = `
const { LmdbStore } = require(process.argv[2] + '/store/lmdb-store.js');
const { silentLog } = require(process.argv[2] + '/logging/log.js');
(async () => {
  const store = new LmdbStore({ dir: process.argv[3], log: silentLog });
  await store.open();
  const start = (await store.get('count')) ?? 0;
  for (let lane = 0; lane < 8; lane++) (async () => {
    for (let n = start; ; n++) {
      const key = lane + '!' + n;
      await store.commit({ epoch: 1, writes: [
        { op: 'put', key: 'a!' + key, value: n }, { op: 'put', key: 'b!' + key, value: n }, { op: 'put', key: 'count', value: n + 1 },
      ] });
      require('fs').writeSync(1, key + '\\n');
    }
  })();
})();
`;

describe('a store whose process is killed', () => {
  const dir = mkdtempSync(join(tmpdir(), 'longrun-crash-'));
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  it('has every write that was acknowledged, and each batch whole, after several kills', async () => {
    const source = emitSources(join(dir, 'emitted'), ['store', 'util', 'logging']);
    const script = join(dir, 'writer.cjs');
    writeFileSync(script, WRITER);
    const data = join(dir, 'data');
    const acknowledged = new Set<string>();
    for (let round = 0; round < 3; round++) {
      const child = spawn(process.execPath, [script, source, data], { stdio: ['ignore', 'pipe', 'inherit'] });
      const ended = new Promise<void>((done) => child.on('close', () => done()));
      let text = '';
      const target = acknowledged.size + 150 + round * 97;
      child.stdout.on('data', (chunk: Buffer) => {
        text += chunk.toString();
        if (acknowledged.size + text.split('\n').length > target) child.kill('SIGKILL');
      });
      const other = new LmdbStore({ dir: data, log: silentLog });
      await new Promise<void>((started) => child.stdout.once('data', () => started()));
      // The dead holder's lock blocks nobody; the living one's does.
      if (child.exitCode === null && child.signalCode === null && !child.killed) {
        expect(await codeOf(other.open())).toBe('store-failed');
      }
      await ended;
      for (const key of text.split('\n').slice(0, -1)) acknowledged.add(key);
      const store = new LmdbStore({ dir: data, log: silentLog });
      await store.open();
      const found = new Set((await allOf(store, 'a!')).map(({ key }) => key.slice(2)));
      const twins = new Set((await allOf(store, 'b!')).map(({ key }) => key.slice(2)));
      expect([...acknowledged].filter((key) => !found.has(key))).toEqual([]);
      expect(twins).toEqual(found);
      await store.close();
    }
    expect(acknowledged.size).toBeGreaterThan(400);
  }, 30_000);
});
