import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LockHeld, PidLock } from '../../src/util/pid-lock.js';
import { bootId, identify } from '../../src/util/process-identity.js';
import { temporaryFolder } from '../support/temporary-folder.js';

describe('a pid lock', () => {
  const fresh = (): string => join(temporaryFolder('lock'), 'the.lock');

  it('is held once, by a process that it names, until released', () => {
    const file = fresh();
    const lock = PidLock.take(file);
    expect(() => PidLock.take(file)).toThrow(LockHeld);
    expect(PidLock.holder(file)).toEqual(identify(process.pid));
    lock.release();
    PidLock.take(file).release();
  });

  it.each([
    ['a process that ended', { pid: 2 ** 22 + 1, startTicks: '1', bootId: bootId() }],
    ['a process whose pid was given to another', { pid: process.pid, startTicks: '1', bootId: bootId() }],
    ['a process of another boot', { ...identify(process.pid), bootId: 'another' }],
    ['nobody, being torn', undefined],
  ])('of %s blocks nobody', (_whose, holder) => {
    const file = fresh();
    writeFileSync(file, holder ? JSON.stringify(holder) : '{"pi');
    PidLock.take(file);
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(identify(process.pid));
    expect(readdirSync(join(file, '..'))).toEqual(['the.lock']);
  });
});
