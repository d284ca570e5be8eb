import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer as createHttpServer, get, type Server as HttpServer } from 'node:http';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog } from '../../../src/logging/log.js';
import { CertificateStore } from '../../../src/proxy/haproxy/certificate-store.js';
import type { LayoutSettings } from '../../../src/proxy/haproxy/decide/layout.js';
import { FollowedServices } from '../../../src/proxy/haproxy/followed-table.js';
import { HaproxyPlane } from '../../../src/proxy/haproxy/haproxy-plane.js';
import { HaproxyProcess } from '../../../src/proxy/haproxy/haproxy-process.js';
import type { Service } from '../../../src/proxy/table.js';
import { SystemClock } from '../../../src/util/clock.js';
import { waitFor } from '../../support/wait-for.js';
import { settings, tableOf } from './world.js';

const path = ['/usr/sbin/haproxy', '/usr/local/sbin/haproxy', '/usr/bin/haproxy'].find(existsSync);

/** Without HAProxy on this machine there is nothing to prove. */
export const withHaproxy = path === undefined ? describe.skip : describe;

export async function listening(): Promise<{ server: Server; port: number }> {
  const server = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
  await new Promise((done) => server.once('listening', done));
  return { server, port: (server.address() as { port: number }).port };
}

/** Answers every request with its name. */
export async function namedServer(name: string): Promise<{ server: HttpServer; port: number }> {
  const server = createHttpServer((_, response) => response.end(name)).listen(0, '127.0.0.1');
  await new Promise((done) => server.once('listening', done));
  return { server, port: (server.address() as { port: number }).port };
}

export interface Answered {
  /** 0: nothing was answered. */
  readonly status: number;
  readonly body: string;
  readonly cookie: string;
}

/** A real HAProxy that serves the tables of a test. */
export class RealHaproxy {
  readonly plane: HaproxyPlane;
  readonly certificates: CertificateStore;
  /** What was told as not served, whenever that changed. */
  readonly notServed: Readonly<Record<number, string>>[] = [];
  readonly workDir = mkdtempSync(join(tmpdir(), 'longrun-haproxy-'));
  readonly #process: HaproxyProcess;
  readonly #table: FollowedServices;
  #version = 0;

  private constructor(
    readonly lbPort: number,
    readonly httpsPort: number,
    over: Partial<LayoutSettings>,
  ) {
    const clock = new SystemClock();
    this.certificates = new CertificateStore({
      workDir: this.workDir,
      changed: () => this.plane.certificatesChanged(),
      clock,
      log: silentLog,
    });
    const { appIdPort: _, ...rest } = settings;
    this.#table = new FollowedServices(
      () => this.plane.wake(),
      () => [],
    );
    this.#process = new HaproxyProcess({
      path: path ?? '',
      workDir: this.workDir,
      ports: { lbPort, statsPort: 0 },
      onGone: () => this.plane.wake(),
      clock,
      log: silentLog,
    });
    this.plane = new HaproxyPlane({
      settings: { ...rest, lbPort, httpsPort, ...over },
      haproxy: this.#process,
      table: this.#table,
      certificates: this.certificates,
      beforeStart: async () => undefined,
      inFlight: () => undefined,
      notServedChanged: () => void this.notServed.push(this.plane.notServed),
      serving: () => undefined,
      clock,
      log: silentLog,
    });
  }

  static async onAnyPort(over: Partial<LayoutSettings> = {}): Promise<RealHaproxy> {
    const [one, other] = [await listening(), await listening()];
    for (const { server } of [one, other]) await new Promise((closed) => server.close(closed));
    return new RealHaproxy(one.port, other.port, over);
  }

  tell(...services: readonly Service[]): void {
    this.#version += 1;
    this.#table.replace({ epoch: 1, version: this.#version, services: tableOf(...services) });
  }

  /** Resolves when HAProxy serves what it was told so far. */
  inForce(): Promise<void> {
    return this.#table.inForce();
  }

  ask(host: string, cookie?: string, path = '/'): Promise<Answered> {
    const headers = { host, ...(cookie !== undefined && { cookie }) };
    return new Promise((resolve) => {
      get({ host: '127.0.0.1', port: this.lbPort, path, headers, agent: false }, (answer) => {
        let body = '';
        answer.setEncoding('utf8').on('data', (text: string) => {
          body += text;
        });
        const [set = ''] = answer.headers['set-cookie'] ?? [];
        answer.on('end', () =>
          resolve({ status: answer.statusCode ?? 0, body, cookie: set.split(';')[0] ?? '' }),
        );
      }).on('error', () => resolve({ status: 0, body: '', cookie: '' }));
    });
  }

  async end(): Promise<void> {
    await this.plane.stop();
    this.#process.end('at-once');
    await waitFor(async () => (await this.ask('web.test')).status === 0, { timeoutMs: 20_000 });
    rmSync(this.workDir, { recursive: true, force: true, maxRetries: 5 });
  }
}
