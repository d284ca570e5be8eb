import { existsSync, renameSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { silentLog } from '../../../src/logging/log.js';
import { HaproxyProcess, haproxyDir, runningHaproxy } from '../../../src/proxy/haproxy/haproxy-process.js';
import { RuntimeError, RuntimeSocket } from '../../../src/proxy/haproxy/runtime-socket.js';
import { SystemClock } from '../../../src/util/clock.js';
import { temporaryFolder } from '../../support/temporary-folder.js';
import { namedServer, RealHaproxy, withHaproxy } from './real.js';
import { server, web } from './world.js';

describe("the command line of HAProxy's master", () => {
  it('that takes the question and says nothing, as in the middle of a reload, has not said that nothing runs', async () => {
    const path = join(temporaryFolder('cli'), 'cli');
    const master: Server = createServer((socket) => socket.resume().end()).listen(path);
    await new Promise((done) => master.once('listening', done));
    const said = await new RuntimeSocket(path).processes().catch((error: unknown) => error);
    await new Promise((closed) => master.close(closed));
    expect(said).toBeInstanceOf(RuntimeError);
  });
});

withHaproxy('a HAProxy that somebody else left', () => {
  it('is taken over, not ended, when it answers only later: it may be in the middle of a reload', async () => {
    const instance = await namedServer('web');
    const real = await RealHaproxy.onAnyPort();
    try {
      real.tell(web([server(0, { host: '127.0.0.1', port: instance.port })], { bindPort: false }));
      real.plane.start();
      await real.inForce();
      await real.plane.stop();
      const before = runningHaproxy(real.workDir)?.master;
      const cli = join(haproxyDir(real.workDir), 'cli');
      renameSync(cli, `${cli}.away`);
      expect(existsSync(cli)).toBe(false);
      const successor = new HaproxyProcess({
        path: '',
        workDir: real.workDir,
        ports: { lbPort: real.lbPort, statsPort: 0 },
        onGone: () => undefined,
        clock: new SystemClock(),
        log: silentLog,
      });
      const adopted = successor.adopt();
      // It has asked at least once in vain.
      await successor.runtime.processes().catch(() => undefined);
      renameSync(`${cli}.away`, cli);
      expect(await adopted).toBe(true);
      expect(runningHaproxy(real.workDir)?.master).toEqual(before);
      expect((await real.ask('web.test')).body).toBe('web');
      successor.leave();
    } finally {
      instance.server.close();
      await real.end();
    }
  }, 60_000);
});
