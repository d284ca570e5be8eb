import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ExecHost } from '../../../src/embedded-mesos/agent/exec/exec-host.js';
import type { SessionOrder } from '../../../src/embedded-mesos/agent/exec/host-messages.js';
import { silentLog } from '../../../src/logging/log.js';
import { SystemDice } from '../../../src/util/ids.js';
import { waitFor } from '../support/patient-wait.js';

/** Takes its time to come up, and then says back what comes over a connection. */
const slowEcho = `
process.on('message', (_order, socket) => socket?.on('data', (bytes) => socket.write(bytes)));
process.on('disconnect', () => process.exit(0));
const until = Date.now() + 300;
while (Date.now() < until);
`;

describe('a connection that is given to the process that keeps programs', () => {
  it('loses nothing of what is said while it changes hands', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'longrun-exec-host-'));
    const script = join(folder, 'echo.cjs');
    writeFileSync(script, slowEcho);
    const host = new ExecHost({ script, dice: new SystemDice(), log: silentLog });
    const server = createServer();
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    const accepted = new Promise<Socket>((found) => server.once('connection', found));
    const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
    try {
      let heard = '';
      client.on('data', (bytes) => {
        heard += bytes.toString();
      });
      // As of a server of HTTP: it was read from before it is given away.
      const socket = await accepted;
      socket.on('data', () => undefined);
      client.write('opening');
      await new Promise((read) => socket.once('data', read));
      host.attach(socket, {} as SessionOrder, () => undefined);
      client.write('first words');
      await waitFor(() => heard === 'first words', { what: () => `the echo; so far "${heard}"` });
    } finally {
      client.destroy();
      server.close();
      host.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
