import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect } from 'node:net';
import type { CheckProbe } from '../decide/check-plan.js';
import type { AttemptResult } from '../decide/check-verdict.js';

type Endpoint = Extract<CheckProbe, { type: 'HTTP' | 'TCP' }>;

/** Redirects that are followed, as curl does by default. */
const MAX_REDIRECTS = 50;
/** Longest timer of Node's. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * Asks an endpoint of this network: TCP connects, HTTP sends a GET and follows redirects. Certificates are not verified, as in
 * Mesos. A redirect to another host is not followed: a task must not be able to send the agent anywhere; its own status counts.
 * Never rejects.
 */
export function askEndpoint(probe: Endpoint, timeoutMs: number): Promise<AttemptResult> {
  const signal = AbortSignal.timeout(Math.min(timeoutMs, MAX_TIMER_MS));
  const attempt = probe.type === 'TCP' ? connectTo(probe, signal) : follow(urlOf(probe), signal);
  return attempt.catch((error: NodeJS.ErrnoException): AttemptResult => {
    if (signal.aborted) return { type: 'failed', why: `no answer within ${timeoutMs / 1000} s` };
    return { type: 'refused', why: error.message || (error.code ?? 'the connection failed') };
  });
}

function urlOf({ scheme, host, port, path }: Extract<Endpoint, { type: 'HTTP' }>): URL {
  const name = host.includes(':') ? `[${host}]` : host;
  return new URL(`${scheme}://${name}:${port}${path}`);
}

function connectTo({ host, port }: Endpoint, signal: AbortSignal): Promise<AttemptResult> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, signal });
    socket.once('connect', () => {
      socket.destroy();
      resolve({ type: 'connected' });
    });
    socket.once('error', reject);
  });
}

async function follow(first: URL, signal: AbortSignal): Promise<AttemptResult> {
  let url = first;
  for (let redirects = 0; ; redirects++) {
    const { statusCode = 0, headers } = await head(url, signal);
    const next = targetOf(url, statusCode, headers.location);
    if (next === undefined || next.hostname !== first.hostname) return { type: 'answered', statusCode };
    if (redirects >= MAX_REDIRECTS) return { type: 'failed', why: `more than ${MAX_REDIRECTS} redirects` };
    url = next;
  }
}

function targetOf(url: URL, status: number, location: string | undefined): URL | undefined {
  if (location === undefined || ![301, 302, 303, 307, 308].includes(status)) return undefined;
  if (!URL.canParse(location, url.href)) return undefined;
  const target = new URL(location, url);
  return target.protocol === 'http:' || target.protocol === 'https:' ? target : undefined;
}

/** The head of an answer; its body is not read. */
function head(url: URL, signal: AbortSignal): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const options = { signal, agent: false as const, headers: { accept: '*/*', connection: 'close' } };
    const answered = (answer: IncomingMessage): void => {
      // What follows is of no interest: its torn end is none either.
      answer.on('error', () => undefined);
      resolve(answer);
      answer.destroy();
    };
    const request =
      url.protocol === 'https:'
        ? httpsRequest(url, { ...options, rejectUnauthorized: false }, answered)
        : httpRequest(url, options, answered);
    request.once('error', reject);
    request.end();
  });
}
