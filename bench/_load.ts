import { Agent, request } from 'node:http';

/** An answer and how long it took; `bytes` is the size of its body. */
export interface Answer {
  readonly status: number;
  readonly text: string;
  readonly bytes: number;
  readonly tookMs: number;
}

export type Ask = (method: string, path: string, body?: unknown, options?: AskOptions) => Promise<Answer>;

export interface AskOptions {
  /** Does not keep the body: a client that only counts costs as little as can be. */
  readonly discard?: boolean;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Requests to one server over at most `sockets` connections that are kept. */
export function askWith(api: string, sockets: number): Ask {
  const agent = new Agent({ keepAlive: true, maxSockets: sockets });
  return (method, path, body, { discard = false, headers = {} } = {}) =>
    new Promise((resolve, reject) => {
      const payload = body === undefined ? undefined : JSON.stringify(body);
      const type =
        payload === undefined
          ? {}
          : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) };
      const sentMs = performance.now();
      const sent = request(
        new URL(path, api),
        { method, agent, headers: { ...type, ...headers } },
        (response) => {
          const chunks: Buffer[] = [];
          let bytes = 0;
          response.on('data', (chunk: Buffer) => {
            bytes += chunk.length;
            if (!discard) chunks.push(chunk);
          });
          response.on('error', reject);
          response.on('end', () => {
            const tookMs = performance.now() - sentMs;
            const text = discard ? '' : Buffer.concat(chunks).toString('utf8');
            resolve({ status: response.statusCode ?? 0, text, bytes, tookMs });
          });
        },
      );
      sent.on('error', reject);
      sent.end(payload);
    });
}

/** What a run of requests showed. */
export interface Measured {
  readonly perSecond: number;
  readonly latenciesMs: readonly number[];
  readonly last: Answer;
}

/** One call of a run: its number in, its answer out. */
export type Call = (index: number) => Promise<Answer>;

function checked(answer: Answer): Answer {
  if (answer.status < 300) return answer;
  throw new Error(`a request was answered ${answer.status}: ${answer.text.slice(0, 300)}`);
}

/** As fast as so many callers, each of which waits for its answer, can be served. */
export async function closedLoop(count: number, callers: number, call: Call): Promise<Measured> {
  const latenciesMs: number[] = [];
  let next = 0;
  let last: Answer | undefined;
  const started = performance.now();
  await Promise.all(
    Array.from({ length: Math.min(callers, count) }, async () => {
      while (next < count) {
        last = checked(await call(next++));
        latenciesMs.push(last.tookMs);
      }
    }),
  );
  if (!last) throw new Error('nothing was asked');
  return { perSecond: count / ((performance.now() - started) / 1_000), latenciesMs, last };
}

/**
 * So many calls per second, whether or not the earlier ones are answered. Latencies count from the moment at which a call
 * was due, so that a stall is not hidden by the calls that it kept back.
 */
export async function openLoop(count: number, perSecond: number, call: Call): Promise<Measured> {
  const latenciesMs: number[] = [];
  const running: Promise<void>[] = [];
  let last: Answer | undefined;
  const started = performance.now();
  for (let index = 0; index < count; index++) {
    const dueMs = started + (index * 1_000) / perSecond;
    const waitMs = dueMs - performance.now();
    if (waitMs > 0) await new Promise<void>((due) => setTimeout(due, waitMs));
    const lateMs = Math.max(0, performance.now() - dueMs);
    running.push(
      call(index).then((answer) => {
        last = checked(answer);
        // Timers of the measuring process are late by a millisecond: that is no fault of the server.
        latenciesMs.push(answer.tookMs + (lateMs > 2 ? lateMs : 0));
      }),
    );
  }
  await Promise.all(running);
  if (!last) throw new Error('nothing was asked');
  return { perSecond: count / ((performance.now() - started) / 1_000), latenciesMs, last };
}
