import { constants, ftruncateSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { get as getHttp, type IncomingMessage, type RequestOptions } from 'node:http';
import { get as getHttps } from 'node:https';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { FetchFailure, type Validator } from './fetch-order.js';
import { type FileSink, tooLarge } from './file-sink.js';

const MAX_REDIRECTS = 5;
/** Pauses before a transfer that broke, or a server that is too busy, is tried again. */
const RETRY_PAUSES_MS = [500, 2_000];
const CHUNK_BYTES = 256 * 1024;

export interface DownloadRules {
  readonly limitBytes: number;
  readonly stallMs: number;
  /** Nothing is loaded when the source still is what this says. */
  readonly validator?: Validator;
  readonly onTotal?: (bytes: number) => void;
}

/** Loads a URI (http, https, file, or an absolute path) into a sink. Throws FetchFailure. */
export async function download(
  uri: string,
  sink: FileSink,
  fd: number,
  rules: DownloadRules,
): Promise<Validator | 'unchanged'> {
  if (uri.startsWith('/')) return readLocal(uri, sink, rules);
  const url = new URL(uri);
  if (url.protocol === 'file:') return readLocal(fileURLToPath(url), sink, rules);
  for (let tries = 0; ; tries++) {
    try {
      return await readHttp(url, sink, rules);
    } catch (error) {
      const pauseMs = RETRY_PAUSES_MS[tries];
      if (pauseMs === undefined || !(error instanceof FetchFailure) || !error.more.unreachable) throw error;
      sink.restart();
      ftruncateSync(fd, 0);
      await pause(pauseMs);
    }
  }
}

async function readLocal(
  path: string,
  sink: FileSink,
  { limitBytes, validator, onTotal }: DownloadRules,
): Promise<Validator | 'unchanged'> {
  const file = await openLocal(path);
  try {
    const stats = await file.stat();
    if (!stats.isFile()) throw new FetchFailure('it is no file');
    if (stats.size > limitBytes) throw tooLarge(limitBytes);
    const stamp = `${stats.dev}:${stats.ino}:${stats.size}:${stats.mtimeMs}:${stats.ctimeMs}`;
    if (validator?.stamp === stamp) return 'unchanged';
    onTotal?.(stats.size);
    for await (const chunk of file.createReadStream({ autoClose: false, highWaterMark: CHUNK_BYTES }))
      await sink.take(chunk as Buffer);
    return { stamp };
  } finally {
    await file.close();
  }
}

async function openLocal(path: string): Promise<FileHandle> {
  try {
    return await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    throw new FetchFailure((error as Error).message);
  }
}

async function readHttp(
  url: URL,
  sink: FileSink,
  { limitBytes, stallMs, validator, onTotal }: DownloadRules,
): Promise<Validator | 'unchanged'> {
  const answer = await follow(url, stallMs, validator);
  try {
    if (answer.statusCode === 304 && validator) return 'unchanged';
    if (answer.statusCode !== 200) throw statusFailure(answer);
    const length = Number(answer.headers['content-length'] ?? Number.NaN);
    if (length > limitBytes) throw tooLarge(limitBytes);
    if (length >= 0) onTotal?.(length);
    await takeAll(answer, sink, stallMs);
    if (length >= 0 && sink.bytes !== length) throw brokenOff(sink.bytes);
    const { etag, 'last-modified': lastModified } = answer.headers;
    return { ...(etag !== undefined && { etag }), ...(lastModified !== undefined && { lastModified }) };
  } finally {
    answer.destroy();
  }
}

async function takeAll(answer: IncomingMessage, sink: FileSink, stallMs: number): Promise<void> {
  answer.setTimeout(stallMs, () => answer.destroy(new Error(stalled(stallMs))));
  try {
    for await (const chunk of answer) await sink.take(chunk as Buffer);
  } catch (error) {
    if (error instanceof FetchFailure) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    // What the disk says is nothing that another try would mend.
    if (code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG' || code === 'EIO')
      throw new FetchFailure(message);
    throw new FetchFailure(code === 'ECONNRESET' ? brokenOff(sink.bytes).message : message, {
      unreachable: true,
    });
  }
}

const stalled = (stallMs: number): string => `it stalled: no byte came for ${stallMs / 1000} s`;

function brokenOff(bytes: number): FetchFailure {
  return new FetchFailure(`the server broke off after ${bytes} bytes`, { unreachable: true });
}

function statusFailure({ statusCode = 0, statusMessage = '' }: IncomingMessage): FetchFailure {
  const passing = statusCode >= 500 || statusCode === 429 || statusCode === 408;
  return new FetchFailure(`the server answered ${statusCode} ${statusMessage.slice(0, 100)}`.trim(), {
    ...(passing && { unreachable: true }),
  });
}

/** Goes after redirects; never from the network to this host's files. */
async function follow(url: URL, stallMs: number, validator: Validator | undefined): Promise<IncomingMessage> {
  let at = url;
  for (let hops = 0; hops <= MAX_REDIRECTS; hops++) {
    const answer = await request(at, stallMs, validator, at.host === url.host);
    const { statusCode = 0, headers } = answer;
    if (![301, 302, 303, 307, 308].includes(statusCode) || headers.location === undefined) return answer;
    answer.destroy();
    if (!URL.canParse(headers.location, at.href)) throw new FetchFailure('the server redirects to no URI');
    const next = new URL(headers.location, at.href);
    if (next.protocol !== 'http:' && next.protocol !== 'https:')
      throw new FetchFailure(`the server redirects to ${next.protocol}//, which is not followed`);
    if (at.protocol === 'https:' && next.protocol === 'http:')
      throw new FetchFailure('the server redirects from https to http, which is not followed');
    at = next;
  }
  throw new FetchFailure(`the server redirects more than ${MAX_REDIRECTS} times`);
}

/** `own`: the host that was asked for; user and password of the URI are for nobody else. */
function request(
  url: URL,
  stallMs: number,
  validator: Validator | undefined,
  own: boolean,
): Promise<IncomingMessage> {
  const { etag, lastModified } = validator ?? {};
  const options: RequestOptions = {
    headers: {
      accept: '*/*',
      'accept-encoding': 'identity',
      'user-agent': 'longrun-fetcher',
      ...(etag !== undefined && { 'if-none-match': etag }),
      ...(etag === undefined && lastModified !== undefined && { 'if-modified-since': lastModified }),
    },
    ...(own && url.username !== '' && { auth: decodeURIComponent(`${url.username}:${url.password}`) }),
    agent: false,
  };
  return new Promise((resolve, reject) => {
    const get = url.protocol === 'https:' ? getHttps : getHttp;
    const target = new URL(url);
    target.username = '';
    target.password = '';
    const asked = get(target, options, resolve);
    asked.setTimeout(stallMs, () => asked.destroy(new Error(stalled(stallMs))));
    asked.on('error', (error) =>
      reject(new FetchFailure(error.message || String(error), { unreachable: true })),
    );
  });
}
