import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeReadyFile } from '../../src/cli/ready-file.js';

describe('the ready file', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'longrun-ready-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('holds the URLs by name and the process ids, and takes the place of the one before', () => {
    const path = join(folder, 'ready.json');
    writeReadyFile(path, { urls: { api: 'http://127.0.0.1:1' }, pids: { server: 1, proxy: [2] } });
    writeReadyFile(path, { urls: { api: 'http://127.0.0.1:1' }, pids: { server: 3, proxy: [2] } });
    expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({
      api: 'http://127.0.0.1:1',
      pids: { server: 3, proxy: [2] },
    });
    expect(readdirSync(folder)).toEqual(['ready.json']);
  });

  it('that cannot be written is told with its flag', () => {
    expect(() => writeReadyFile(join(folder, 'none', 'f'), { urls: {}, pids: {} })).toThrow(
      /^--ready-file .*none\/f cannot be written: .*ENOENT/,
    );
  });
});
