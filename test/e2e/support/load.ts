import { createHash, randomBytes } from 'node:crypto';
import { Agent, type ClientRequest, type RequestOptions, request } from 'node:http';
import { Agent as TlsAgent, request as tlsRequest } from 'node:https';
import { connect } from 'node:net';
import { patience } from '../../support/wait-for.js';

export interface Failure {
  readonly kind: string;
  readonly why: string;
  readonly atMs: number;
  /** Did the failed request change something (POST)? */
  readonly idempotent: boolean;
}

export interface LoadResult {
  readonly sent: number;
  readonly failures: readonly Failure[];
  /** Requests slower than 1 s beyond their own time. */
  readonly slow: readonly { readonly kind: string; readonly tookMs: number }[];
  readonly tasks: ReadonlySet<string>;
  readonly byKind: Readonly<Record<string, number>>;
}

/** Of a download. */
const MIB = 1_048_576;

interface Shot {
  readonly kind: string;
  readonly method: string;
  readonly path: string;
  readonly ownMs: number;
  readonly keepAlive: boolean;
  readonly bodyBytes: number;
}

const shots: readonly Shot[] = [
  { kind: 'keep-alive GET', method: 'GET', path: '/', ownMs: 0, keepAlive: true, bodyBytes: 0 },
  { kind: 'fresh GET', method: 'GET', path: '/', ownMs: 0, keepAlive: false, bodyBytes: 0 },
  { kind: 'slow GET', method: 'GET', path: '/slow', ownMs: 2_000, keepAlive: true, bodyBytes: 0 },
  { kind: 'POST', method: 'POST', path: '/', ownMs: 0, keepAlive: true, bodyBytes: 20_000 },
];

export interface LoadOptions {
  readonly url: string;
  readonly host: string;
  /** Pause between the requests of one client. */
  readonly pauseMs?: number;
  readonly kinds?: readonly string[];
  readonly webSocket?: boolean;
  readonly toleratedMs?: number;
  /** Clients of each kind; default 2. */
  readonly clients?: number;
  /** Silence after which a client gives up; default 20 s. */
  readonly timeoutMs?: number;
  /** One more client downloads so much, again and again. */
  readonly downloadMiB?: number;
}

/** Failures and slow requests that are kept: a test that finds so many has failed anyway, and must be able to say so. */
const MAX_KEPT = 100;

/** Loads not stopped yet: a failed test must not leave its load behind. */
const running = new Set<Load>();

/** For `afterEach`: ends what a failed test left running. */
export async function stopLoads(): Promise<void> {
  await Promise.all([...running].map((load) => load.stop()));
}

/** Steady load of every kind through the load balancer until `stop`; every request is checked, byte for byte. */
export class Load {
  #running = true;
  readonly #workers: Promise<void>[] = [];
  readonly #failures: Failure[] = [];
  readonly #slow: { kind: string; tookMs: number }[] = [];
  readonly #tasks = new Set<string>();
  readonly #byKind: Record<string, number> = {};
  readonly #isTls: boolean;
  readonly #agent: Agent;
  readonly #startedMs = performance.now();

  constructor(private readonly options: LoadOptions) {
    running.add(this);
    this.#isTls = options.url.startsWith('https:');
    const kept = { keepAlive: true, maxSockets: 8 + 4 * (options.clients ?? 2) };
    this.#agent = this.#isTls ? new TlsAgent(kept) : new Agent(kept);
    for (const shot of shots) {
      if (options.kinds && !options.kinds.includes(shot.kind)) continue;
      for (let i = 0; i < (options.clients ?? 2); i++) this.#workers.push(this.#client(shot));
    }
    if (options.downloadMiB !== undefined) this.#workers.push(this.#downloads(options.downloadMiB));
    if ((options.webSocket ?? true) && !this.#isTls) this.#workers.push(this.#webSocket());
  }

  get sent(): number {
    return Object.values(this.#byKind).reduce((sum, n) => sum + n, 0);
  }

  async stop(): Promise<LoadResult> {
    this.#running = false;
    running.delete(this);
    await Promise.all(this.#workers);
    this.#agent.destroy();
    return {
      sent: this.sent,
      failures: this.#failures,
      slow: this.#slow,
      tasks: this.#tasks,
      byKind: this.#byKind,
    };
  }

  async #client(shot: Shot): Promise<void> {
    while (this.#running) {
      const started = performance.now();
      try {
        await this.#shoot(shot);
      } catch (error) {
        this.#fail(shot.kind, error, shot.method !== 'POST');
      }
      const tookMs = performance.now() - started;
      if (tookMs > shot.ownMs + (this.options.toleratedMs ?? 1_000))
        this.#slow.push({ kind: shot.kind, tookMs: Math.round(tookMs) });
      this.#byKind[shot.kind] = (this.#byKind[shot.kind] ?? 0) + 1;
      await new Promise((next) => setTimeout(next, this.options.pauseMs ?? 10));
    }
  }

  #fail(kind: string, error: unknown, idempotent: boolean): void {
    if (this.#failures.length >= MAX_KEPT) return;
    this.#failures.push({
      kind,
      why: error instanceof Error ? error.message : String(error),
      atMs: Math.round(performance.now() - this.#startedMs),
      idempotent,
    });
  }

  #request(options: RequestOptions): ClientRequest {
    const url = new URL(options.path ?? '/', this.options.url);
    if (!this.#isTls) return request(url, options);
    // Who the certificate is of is not what is tested here.
    return tlsRequest(url, { ...options, servername: this.options.host, rejectUnauthorized: false });
  }

  /** Large answers, counted to the last byte. */
  async #downloads(mebibytes: number): Promise<void> {
    while (this.#running) {
      try {
        await new Promise<void>((resolve, reject) => {
          const sent = this.#request({
            path: `/download?mib=${mebibytes}`,
            headers: { host: this.options.host },
            agent: false,
            timeout: this.options.timeoutMs ?? 20_000 * patience,
          });
          sent.on('timeout', () => sent.destroy(new Error('the download stands still')));
          sent.on('error', reject);
          sent.on('response', (response) => {
            let bytes = 0;
            response.on('error', reject);
            response.on('data', (chunk: Buffer) => {
              bytes += chunk.length;
            });
            response.on('end', () =>
              response.statusCode === 200 && bytes === mebibytes * MIB
                ? resolve()
                : reject(new Error(`status ${response.statusCode}, ${bytes} bytes`)),
            );
          });
          sent.end();
        });
        this.#byKind['download'] = (this.#byKind['download'] ?? 0) + 1;
      } catch (error) {
        this.#fail('download', error, true);
      }
      await new Promise((next) => setTimeout(next, 100));
    }
  }

  #shoot(shot: Shot): Promise<void> {
    const body = shot.bodyBytes > 0 ? randomBytes(shot.bodyBytes) : undefined;
    return new Promise((resolve, reject) => {
      const req = this.#request({
        method: shot.method,
        path: shot.path,
        headers: { host: this.options.host, ...(body ? { 'content-length': body.length } : {}) },
        ...(shot.keepAlive ? { agent: this.#agent } : { agent: false }),
        timeout: this.options.timeoutMs ?? 20_000 * patience,
      });
      req.on('timeout', () => req.destroy(new Error('no answer in time')));
      req.on('error', reject);
      req.on('response', (response) => {
        const chunks: Buffer[] = [];
        response.on('error', reject);
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString();
          const task = String(response.headers['x-task'] ?? '');
          if (response.statusCode !== 200)
            reject(new Error(`status ${response.statusCode}: ${text.slice(0, 200)}`));
          else if (body && text !== createHash('sha256').update(body).digest('hex'))
            reject(new Error('the body arrived changed'));
          else if (!body && text !== task)
            reject(new Error(`the answer '${text.slice(0, 80)}' is not the task's`));
          else {
            this.#tasks.add(task);
            resolve();
          }
        });
      });
      req.end(body);
    });
  }

  /** Upgrades, echoes a message every 20 ms; a close between echoes is answered by a new upgrade, one with an echo owed is a failure. */
  async #webSocket(): Promise<void> {
    const { hostname, port } = new URL(this.options.url);
    while (this.#running) {
      try {
        await new Promise<void>((resolve, reject) => {
          const socket = connect(Number(port), hostname);
          let upgraded = false;
          let owed: string | undefined;
          let received = '';
          let n = 0;
          let stopTicks = 0;
          const tick = setInterval(() => {
            if (!this.#running) {
              stopTicks += 1;
              if (owed === undefined) socket.end();
              // An answer that never comes must not hold up the end; a connection that does not end when we do is a fault.
              if (owed !== undefined ? stopTicks > 100 : stopTicks > 500 * patience)
                socket.destroy(new Error('the WebSocket does not end with its client'));
              return;
            }
            if (!upgraded || owed !== undefined) return;
            owed = `ping-${n++};`;
            socket.write(owed);
          }, 20);
          const upgradeLimit = setTimeout(
            () => socket.destroy(new Error('the upgrade takes over 10 s')),
            10_000 * patience,
          );
          socket.on('connect', () =>
            socket.write(
              `GET /ws HTTP/1.1\r\nHost: ${this.options.host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\n\r\n`,
            ),
          );
          socket.on('data', (chunk) => {
            received += chunk.toString();
            if (!upgraded) {
              const end = received.indexOf('\r\n\r\n');
              if (end < 0) return;
              if (!received.startsWith('HTTP/1.1 101')) {
                socket.destroy(new Error(`upgrade answered ${received.slice(0, 60)}`));
                return;
              }
              upgraded = true;
              clearTimeout(upgradeLimit);
              received = received.slice(end + 4);
            }
            if (owed !== undefined && received === owed) {
              received = '';
              owed = undefined;
              this.#byKind['WebSocket echo'] = (this.#byKind['WebSocket echo'] ?? 0) + 1;
            }
          });
          let failure: Error | undefined;
          socket.on('error', (error) => {
            failure = error;
          });
          socket.on('close', () => {
            clearInterval(tick);
            clearTimeout(upgradeLimit);
            if (!upgraded) reject(failure ?? new Error('closed before the upgrade'));
            else if (owed === undefined && failure?.message.includes('does not end')) reject(failure);
            else if (owed !== undefined && this.#running && failure?.message.includes('upgrade'))
              reject(failure);
            else resolve();
          });
        });
      } catch (error) {
        this.#fail('WebSocket', error, true);
        await new Promise((next) => setTimeout(next, 50));
      }
    }
  }
}
