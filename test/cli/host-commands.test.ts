import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { addHostCommands } from '../../src/cli/host-commands.js';
import { sentenceOf } from '../../src/cli/sentence-of.js';
import { PidLock } from '../../src/util/pid-lock.js';

describe('a command about this host', () => {
  let workDir: string;
  let said = '';
  let write: jest.SpyInstance;

  beforeEach(() => {
    workDir = mkdtempSync(join(tmpdir(), 'longrun-host-'));
    said = '';
    write = jest.spyOn(process.stderr, 'write').mockImplementation((text) => {
      said += String(text);
      return true;
    });
  });
  afterEach(() => {
    write.mockRestore();
    process.exitCode = 0;
    rmSync(workDir, { recursive: true, force: true });
  });

  const run = async (...args: string[]): Promise<string> => {
    const root = new Command('longrun');
    addHostCommands(root);
    await root.parseAsync([...args, '--work-dir', workDir], { from: 'user' });
    expect(process.exitCode).toBe(1);
    return said;
  };

  it('says which folder of a backup is not there, before it asks for one', async () => {
    writeFileSync(join(workDir, 'token'), 'x');
    expect(await run('backup', join(workDir, 'none', 'b1'))).toBe(
      `error: the folder ${join(workDir, 'none')} does not exist\n`,
    );
    expect(readdirSync(workDir)).toEqual(['token']);
  });

  it('says that nothing is up on this work dir', async () => {
    expect(await run('down')).toMatch(/^error: nothing is up on the work dir .*--work-dir\n$/);
  });

  it('says that a backup to restore does not exist', async () => {
    expect(await run('restore', '/nonexistent')).toBe('error: the backup /nonexistent does not exist\n');
  });

  it('says how to stop what runs on the work dir of a restore, and no other', async () => {
    mkdirSync(join(workDir, 'run'));
    const lock = PidLock.take(join(workDir, 'run', 'server.lock'));
    try {
      expect(await run('restore', __filename)).toBe(
        `error: longrun (process ${process.pid}) runs on ${workDir}; stop it first: longrun down --work-dir ${workDir}\n`,
      );
    } finally {
      lock.release();
    }
  });

  it("turns the system's refusals into what to do", () => {
    const error = Object.assign(new Error('EACCES: permission denied, open'), {
      code: 'EACCES',
      path: '/var/lib/longrun/token',
    });
    expect(sentenceOf(error)).toBe(
      'this user may not use /var/lib/longrun/token; run this as the user that runs longrun (or with sudo)',
    );
    expect(sentenceOf(new Error('no room'))).toBe('no room');
  });
});
