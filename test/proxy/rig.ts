import { connect, createServer, type Server as NetServer, type Socket } from 'node:net';
import { verify } from 'unixcrypt';
import type { AppId } from '../../src/apps/app.js';
import { silentLog } from '../../src/logging/log.js';
import { serviceKey } from '../../src/proxy/decide/names.js';
import type { Server, Service } from '../../src/proxy/table.js';
import { APP_ID_FRONTEND, AppIdPort } from '../../src/proxy/worker/app-id-port.js';
import type { DataPlane } from '../../src/proxy/worker/data-plane.js';
import { Deadlines } from '../../src/proxy/worker/deadlines.js';
import { PasswordDesk } from '../../src/proxy/worker/http/rules/password-desk.js';
import { IngressPort, Sessions } from '../../src/proxy/worker/ingress.js';
import { Routes } from '../../src/proxy/worker/routes.js';
import { defaultTimeouts, type Timeouts } from '../../src/proxy/worker/timeouts.js';
import { CertificateShelf } from '../../src/proxy/worker/tls/certificate-shelf.js';
import { HTTPS_FRONTEND, HttpsPort } from '../../src/proxy/worker/tls/https-port.js';
import { TurnWrites } from '../../src/proxy/worker/turn-writes.js';
import type { TaskId } from '../../src/scheduler/instance.js';
import { SystemClock } from '../../src/util/clock.js';
import { waitFor } from '../support/wait-for.js';

/** A server that speaks as the test says, on a port of its own. */
export class Backend {
  readonly sockets = new Set<Socket>();
  /** Everything received, all connections in a row. */
  received = '';
  connections = 0;
  port = 0;

  private constructor(private readonly server: NetServer) {}

  /** `speak` is called with each connection, and `onData` with all that the connection has received so far. */
  static async start(
    onData: (socket: Socket, soFar: string) => void,
    onConnection?: (socket: Socket) => void,
  ): Promise<Backend> {
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      backend.connections += 1;
      backend.sockets.add(socket);
      let soFar = '';
      socket.on('error', () => socket.destroy());
      socket.on('close', () => backend.sockets.delete(socket));
      socket.on('data', (chunk) => {
        backend.received += chunk.toString('latin1');
        soFar += chunk.toString('latin1');
        onData(socket, soFar);
      });
      onConnection?.(socket);
    });
    const backend = new Backend(server);
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    backend.port = (server.address() as { port: number }).port;
    return backend;
  }

  /** Answers every request whose head is whole with 200 and `body`, over keep-alive. */
  static answering(body: string, extraHead = ''): Promise<Backend> {
    const answered = new WeakMap<Socket, number>();
    return Backend.start((socket, soFar) => {
      const heads = soFar.split('\r\n\r\n').length - 1;
      for (let i = answered.get(socket) ?? 0; i < heads; i++) {
        socket.write(`HTTP/1.1 200 OK\r\n${extraHead}Content-Length: ${body.length}\r\n\r\n${body}`);
      }
      answered.set(socket, heads);
    });
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise<void>((closed) => this.server.close(() => closed()));
  }
}

/** A client that says exactly what it is told. */
export class RawClient {
  text = '';
  ended = false;
  closed = false;
  private constructor(readonly socket: Socket) {
    socket.on('data', (chunk) => {
      this.text += chunk.toString('latin1');
    });
    socket.on('end', () => {
      this.ended = true;
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.closed = true;
    });
  }

  static async to(port: number): Promise<RawClient> {
    const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true, noDelay: true });
    const client = new RawClient(socket);
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    return client;
  }

  send(text: string): this {
    this.socket.write(text, 'latin1');
    return this;
  }

  /** Waits until the text received so far matches; returns it. */
  async sees(pattern: RegExp | string): Promise<string> {
    await waitFor(
      () => (typeof pattern === 'string' ? this.text.includes(pattern) : pattern.test(this.text)),
      {
        what: () => `${String(pattern)} in ${JSON.stringify(this.text.slice(0, 600))}`,
        timeoutMs: 20_000,
      },
    );
    return this.text;
  }

  /** Waits until the other side has ended or cut the connection; returns all that was received. */
  async seesEnd(): Promise<string> {
    await waitFor(() => this.ended || this.closed, {
      what: () => `the end after ${JSON.stringify(this.text.slice(0, 600))}`,
      timeoutMs: 20_000,
    });
    return this.text;
  }

  close(): void {
    this.socket.destroy();
  }
}

export const webApp = '/shop/web' as AppId;

export function serverAt(port: number, task = `task-${port}`): Server {
  return {
    name: `localhost_127_0_0_1_${port}`,
    taskId: task as TaskId,
    host: '127.0.0.1',
    port,
    bootId: 'boot',
  };
}

export function service(servers: readonly Server[], over: Partial<Service> = {}): Service {
  return {
    appId: webApp,
    portIndex: 0,
    servicePort: 10_000,
    mode: 'http',
    vhosts: ['web.test'],
    bindPort: true,
    drainMs: 30_000,
    servers,
    ...over,
  };
}

/** The data plane of one worker, in this process, with real sockets. */
export class Plane {
  readonly clock = new SystemClock();
  readonly inFlight: (readonly [TaskId, number])[] = [];
  readonly routes = new Routes({
    serviceChanged: () => undefined,
    inFlight: (taskId, count) => void this.inFlight.push([taskId, count]),
  });
  readonly sessions: Sessions;
  readonly certificates = new CertificateShelf(silentLog, () => Date.now());
  readonly shared: DataPlane & { retiring: boolean };
  readonly #deadlines: Deadlines;
  readonly #open: IngressPort[] = [];
  readonly #clients: RawClient[] = [];
  readonly #backends: Backend[] = [];
  #version = 0;
  port = 0;
  #vhost: IngressPort | undefined;

  private constructor(timeouts: Partial<Timeouts>, maxConnections: number) {
    this.#deadlines = new Deadlines(this.clock, { ...defaultTimeouts, ...timeouts });
    this.#deadlines.start();
    this.shared = {
      clock: this.clock,
      deadlines: this.#deadlines,
      turnWrites: new TurnWrites(),
      retiring: false,
      certificates: this.certificates,
      passwords: new PasswordDesk(this.clock, async (password, hash) => verify(password, hash), silentLog),
    };
    this.sessions = new Sessions(maxConnections);
  }

  /** Opens the vhost port. */
  static async start(
    services: readonly Service[],
    options: { timeouts?: Partial<Timeouts>; maxConnections?: number } = {},
  ): Promise<Plane> {
    const plane = new Plane(options.timeouts ?? {}, options.maxConnections ?? 1_000);
    plane.serve(services);
    const made = plane.#make('http', undefined);
    plane.#vhost = made;
    plane.port = await made.open({ host: '127.0.0.1', port: 0 });
    return plane;
  }

  get vhost(): IngressPort {
    if (!this.#vhost) throw new Error('the vhost port is not open');
    return this.#vhost;
  }

  #make(name: string, key: string | undefined): IngressPort {
    const made = new IngressPort(name, 9_080, key, this.routes, this.sessions, this.shared, silentLog);
    this.#open.push(made);
    return made;
  }

  /** Opens the port of a service; returns where. */
  openService(of: Service): Promise<number> {
    return this.#make('service', serviceKey(of.appId, of.servicePort)).open({ host: '127.0.0.1', port: 0 });
  }

  /** Opens the port for virtual hosts over TLS; returns where. */
  openHttps(): Promise<number> {
    const made = new HttpsPort(
      HTTPS_FRONTEND,
      9_443,
      undefined,
      this.routes,
      this.sessions,
      this.shared,
      silentLog,
    );
    this.#open.push(made);
    return made.open({ host: '127.0.0.1', port: 0 });
  }

  /** Opens the port where requests name their app; returns where. */
  openApps(): Promise<number> {
    const made = new AppIdPort(
      APP_ID_FRONTEND,
      9_091,
      undefined,
      this.routes,
      this.sessions,
      this.shared,
      silentLog,
    );
    this.#open.push(made);
    return made.open({ host: '127.0.0.1', port: 0 });
  }

  serve(services: readonly Service[]): void {
    this.#version += 1;
    this.routes.replace({
      epoch: 1,
      version: this.#version,
      services: Object.fromEntries(services.map((each) => [serviceKey(each.appId, each.servicePort), each])),
    });
  }

  async client(port = this.port): Promise<RawClient> {
    const client = await RawClient.to(port);
    this.#clients.push(client);
    return client;
  }

  own(backend: Backend): Backend {
    this.#backends.push(backend);
    return backend;
  }

  sweep(): void {
    this.#deadlines.sweep();
  }

  async close(): Promise<void> {
    for (const client of this.#clients) client.close();
    for (const port of this.#open) port.close();
    this.sessions.closeAll();
    this.shared.retiring = true;
    for (const live of this.routes.services.values()) for (const server of live.servers) server.leave();
    this.#deadlines.stop();
    await Promise.all(this.#backends.map((backend) => backend.close()));
  }
}

export function get(path = '/', host = 'web.test', extra = ''): string {
  return `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n${extra}\r\n`;
}
