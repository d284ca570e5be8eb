import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { examine } from '../../src/cli/doctor.js';
import { settingsOf } from '../../src/cli/setting-options.js';
import { PidLock } from '../../src/util/pid-lock.js';

describe('doctor', () => {
  const server = createServer();
  let workDir: string;
  let port: number;

  beforeEach(async () => {
    workDir = mkdtempSync(join(tmpdir(), 'longrun-doctor-'));
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    port = (server.address() as AddressInfo).port;
  });
  afterEach(async () => {
    await new Promise((closed) => server.close(closed));
    rmSync(workDir, { recursive: true, force: true });
  });

  const finding = (): unknown =>
    examine(settingsOf({ workDir, httpPort: String(port) })).find(
      ({ what }) => what === `port ${port} (API)`,
    );

  it('warns of a port that somebody else has, with the flag to change', () => {
    expect(finding()).toMatchObject({
      verdict: 'warn',
      found: expect.stringContaining(`(pid ${process.pid})`),
      advice: expect.stringContaining('--http-port'),
    });
  });

  it('knows the ports of the longrun that runs on this very work dir', () => {
    mkdirSync(join(workDir, 'run'));
    const lock = PidLock.take(join(workDir, 'run', 'up.lock'));
    expect(finding()).toMatchObject({
      verdict: 'ok',
      found: expect.stringContaining('in use by this longrun'),
    });
    lock.release();
  });

  it('changes nothing', () => {
    examine(settingsOf({ workDir: join(workDir, 'not-there') }));
    expect(readdirSync(workDir)).toEqual([]);
  });

  it('tells where it looked for a Docker engine, and for HAProxy when that is asked for', () => {
    const findings = (options: Record<string, string>): Record<string, unknown> =>
      Object.fromEntries(
        examine(settingsOf({ workDir, ...options })).map(({ what, ...rest }) => [what, rest]),
      );
    const without = findings({ dockerSocket: join(workDir, 'docker.sock') });
    expect(without['Docker']).toMatchObject({
      verdict: 'ok',
      found: `no engine at ${join(workDir, 'docker.sock')}`,
      advice: expect.stringContaining('--docker-socket'),
    });
    expect(without['haproxy']).toBeUndefined();
    expect(findings({ lb: 'haproxy', haproxyPath: join(workDir, 'haproxy') })['haproxy']).toMatchObject({
      verdict: 'bad',
      advice: expect.stringContaining('--haproxy-path'),
    });
  });
});
