import {
  type ClientRequest,
  request as httpRequest,
  type IncomingMessage,
  type RequestOptions,
} from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect, isIP } from 'node:net';
import type { ProbeResult, ProbeTarget } from './health.js';

/** How one probe ended. `ignored`: it says nothing (an informational answer that the check wants ignored). */
export type ProbeOutcome =
  | { readonly kind: 'ok'; readonly response?: NonNullable<ProbeResult['response']> }
  | {
      readonly kind: 'failed';
      readonly cause: string;
      readonly response?: NonNullable<ProbeResult['response']>;
    }
  | { readonly kind: 'ignored' };

/** A probe under way. */
export interface RunningProbe {
  /** Ends it without an outcome. */
  cancel(): void;
  /** What to say when it has taken too long. */
  timedOut(): ProbeOutcome;
}

/** So much of an answer's body is kept for readiness results. */
export const KEPT_BODY_BYTES = 4_096;

/** Probes a target once; `done` is called at most once, never synchronously. The caller keeps the time. */
export function probeOnce(target: ProbeTarget, done: (outcome: ProbeOutcome) => void): RunningProbe {
  return target.protocol === 'TCP' ? probeTcp(target, done) : probeHttp(target, done);
}

function timedOut({ timeoutMs }: ProbeTarget): ProbeOutcome {
  return { kind: 'failed', cause: `timed out after ${timeoutMs / 1000} s` };
}

/** A connect that succeeds is a success; nothing is sent. */
function probeTcp(target: ProbeTarget, done: (outcome: ProbeOutcome) => void): RunningProbe {
  const socket = connect({ host: target.host, port: target.port });
  let over = false;
  const finish = (outcome: ProbeOutcome): void => {
    if (over) return;
    over = true;
    socket.destroy();
    done(outcome);
  };
  socket.on('connect', () => finish({ kind: 'ok' }));
  socket.on('error', (error) => finish({ kind: 'failed', cause: causeOf(error, target) }));
  return {
    cancel: () => {
      over = true;
      socket.destroy();
    },
    timedOut: () => timedOut(target),
  };
}

/**
 * A GET; the status of its final answer decides. Redirects are not followed and certificates never verified, as with
 * Marathon: a check asks whether the task works, not who it is.
 */
function probeHttp(target: ProbeTarget, done: (outcome: ProbeOutcome) => void): RunningProbe {
  const options: RequestOptions & { rejectUnauthorized?: boolean; servername?: string } = {
    host: target.host,
    port: target.port,
    path: target.path,
    agent: false,
    headers: { 'User-Agent': 'longrun-health', Accept: '*/*' },
  };
  let [over, informational] = [false, false];
  let answer: Answer | undefined;
  let request: ClientRequest;
  const finish = (outcome: ProbeOutcome): void => {
    if (over) return;
    over = true;
    request.destroy();
    done(outcome);
  };
  try {
    request =
      target.protocol === 'HTTP'
        ? httpRequest(options)
        : httpsRequest({
            ...options,
            rejectUnauthorized: false,
            servername: isIP(target.host) === 0 ? target.host : '',
          });
  } catch (error) {
    // A path with characters that no request may hold.
    const outcome: ProbeOutcome = {
      kind: 'failed',
      cause: error instanceof Error ? error.message : String(error),
    };
    const soon = setImmediate(() => done(outcome));
    return { cancel: () => clearImmediate(soon), timedOut: () => outcome };
  }
  request.on('information', () => {
    informational = true;
  });
  request.on('upgrade', (response, socket) => {
    socket.destroy();
    finish(judgeStatus(target, new Answer(response)));
  });
  request.on('response', (response) => {
    const received = new Answer(response);
    answer = received;
    if (target.keepResponse === true) received.collect(() => finish(judgeStatus(target, received)));
    else finish(judgeStatus(target, received));
  });
  request.on('error', (error) => finish({ kind: 'failed', cause: causeOf(error, target) }));
  request.end();
  return {
    cancel: () => {
      over = true;
      request.destroy();
    },
    timedOut: () => {
      // The head has come, only the body to keep is slow: the status is known.
      if (answer) return judgeStatus(target, answer);
      return informational && target.ignoreHttp1xx === true ? { kind: 'ignored' } : timedOut(target);
    },
  };
}

/** An answer's head and the beginning of its body. */
class Answer {
  readonly status: number;
  readonly #response: IncomingMessage;
  #body = Buffer.alloc(0);

  constructor(response: IncomingMessage) {
    this.#response = response;
    this.status = response.statusCode ?? 0;
  }

  collect(enough: () => void): void {
    this.#response.on('data', (chunk: Buffer) => {
      this.#body = Buffer.concat([this.#body, chunk]).subarray(0, KEPT_BODY_BYTES);
      if (this.#body.length === KEPT_BODY_BYTES) enough();
    });
    this.#response.on('end', enough);
    this.#response.on('error', enough);
  }

  get kept(): NonNullable<ProbeResult['response']> {
    const contentType = this.#response.headers['content-type'] ?? '';
    return { status: this.status, contentType, body: this.#body.toString('utf8') };
  }
}

function judgeStatus(target: ProbeTarget, answer: Answer): ProbeOutcome {
  const { status } = answer;
  const response = target.keepResponse === true ? { response: answer.kept } : {};
  if (status >= 100 && status < 200 && target.ignoreHttp1xx === true) return { kind: 'ignored' };
  const ok = target.successStatuses ? target.successStatuses.includes(status) : status >= 200 && status < 400;
  return ok ? { kind: 'ok', ...response } : { kind: 'failed', cause: `status ${status}`, ...response };
}

function causeOf(error: NodeJS.ErrnoException, { host, port }: ProbeTarget): string {
  switch (error.code) {
    case 'ECONNREFUSED':
      return `connection to ${host}:${port} refused`;
    case 'ECONNRESET':
      return `connection to ${host}:${port} reset`;
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `host ${host} not found`;
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return `host ${host} cannot be reached`;
    default:
      return error.message;
  }
}
