import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, get } from 'node:https';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { axios } from 'acme-client';
import { issue } from '../support/issued-certificate.js';
import { waitFor } from '../support/wait-for.js';

/** Let's Encrypt's own small authority for tests, and its name server, as Debian has them. */
export const hasPebble = ['pebble', 'pebble-challtestsrv'].every((program) =>
  `${process.env.PATH}:/usr/bin`.split(':').some((dir) => existsSync(join(dir, program))),
);

/** That nobody listens on at present. */
async function freePorts(count: number): Promise<readonly number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  for (const server of servers)
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((closed) => server.close(closed))));
  return ports;
}

/** A certificate authority that asks for challenges at `httpPort` of this machine, whatever the host. */
export class Pebble {
  private constructor(
    readonly directory: string,
    private readonly folder: string,
    private readonly children: readonly ChildProcess[],
    private readonly agent: Agent,
  ) {}

  static async start(httpPort: number): Promise<Pebble> {
    const folder = mkdtempSync(join(tmpdir(), 'longrun-pebble-'));
    const own = issue('localhost', ['localhost']);
    writeFileSync(join(folder, 'cert.pem'), own.cert);
    writeFileSync(join(folder, 'key.pem'), own.key);
    const [port, management, dns, control] = await freePorts(4);
    const pebble = {
      listenAddress: `127.0.0.1:${port}`,
      managementListenAddress: `127.0.0.1:${management}`,
      certificate: join(folder, 'cert.pem'),
      privateKey: join(folder, 'key.pem'),
      httpPort,
      tlsPort: 1,
      ocspResponderURL: '',
      externalAccountBindingRequired: false,
    };
    writeFileSync(join(folder, 'config.json'), JSON.stringify({ pebble }));
    const env = { ...process.env, PEBBLE_VA_NOSLEEP: '1', PEBBLE_WFE_NONCEREJECT: '0' };
    const names = ['-http01', '', '-https01', '', '-tlsalpn01', '', '-defaultIPv6', ''];
    const children = [
      spawn(
        'pebble-challtestsrv',
        [...names, '-dns01', `127.0.0.1:${dns}`, '-management', `127.0.0.1:${control}`],
        { stdio: 'ignore', env },
      ),
      spawn('pebble', ['-config', join(folder, 'config.json'), '-dnsserver', `127.0.0.1:${dns}`], {
        stdio: 'ignore',
        env,
      }),
    ];
    const agent = new Agent({ ca: own.cert });
    axios.defaults.httpsAgent = agent;
    const directory = `https://localhost:${port}/dir`;
    const started = new Pebble(directory, folder, children, agent);
    try {
      // It makes its own keys first.
      await waitFor(() => answersAt(directory, agent), {
        what: () => 'the certificate authority',
        timeoutMs: 10_000,
      });
    } catch (error) {
      await started.stop();
      throw error;
    }
    return started;
  }

  async stop(): Promise<void> {
    axios.defaults.httpsAgent = undefined;
    this.agent.destroy();
    await Promise.all(
      this.children.map(async (child) => {
        if (child.exitCode !== null || child.signalCode !== null) return;
        const gone = new Promise((exited) => child.once('exit', exited));
        child.kill('SIGKILL');
        await gone;
      }),
    );
    rmSync(this.folder, { recursive: true, force: true });
  }
}

async function answersAt(url: string, agent: Agent): Promise<boolean> {
  const answered = await new Promise<boolean>((resolve) => {
    get(url, { agent }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    }).on('error', () => resolve(false));
  });
  if (!answered) await new Promise((again) => setTimeout(again, 50));
  return answered;
}
