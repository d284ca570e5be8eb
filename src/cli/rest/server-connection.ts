import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { Agent, buildConnector, type Dispatcher } from 'undici';
import { settingTable } from '../../config/setting-table.js';
import { notedApiCert, notedApiUrl, readToken } from '../../config/work-dir.js';
import { PidLock } from '../../util/pid-lock.js';
import { pinned } from './pinned-certificate.js';

export const DEFAULT_URL = 'http://127.0.0.1:8080';

/** Where a server is and how to prove who asks. */
export interface ServerConnection {
  /** Without user and password. */
  readonly url: string;
  /** The `Authorization` header. */
  readonly authorization?: string;
  /** How an https server is known when the system's authorities do not know it. */
  readonly dispatcher?: Dispatcher;
  /** The same for connections that are not made by a dispatcher. */
  readonly connector?: buildConnector.connector;
}

/** What the command line and the environment say. */
export interface ConnectionWishes {
  /** May carry `user:password@`. */
  readonly url?: string | undefined;
  readonly token?: string | undefined;
  /** PEM file with the authority that signed the server's certificate. */
  readonly ca?: string | undefined;
  readonly workDir?: string | undefined;
}

/** The work dir as `up` would choose it. */
export function workDirOf(wish: string | undefined): string {
  if (wish !== undefined) return wish;
  const root = process.getuid?.() === 0;
  const entry = settingTable.find(({ name }) => name === 'workDir');
  return String(entry?.fallback({ root, env: process.env, home: homedir() }));
}

/**
 * Finds the server and the credentials for it: what was given; else, for the server that runs on this host's work dir right
 * now, that work dir's token and certificate. The token goes to no other address. Throws an Error with a sentence.
 */
export function connectTo(wishes: ConnectionWishes): ServerConnection {
  const workDir = workDirOf(wishes.workDir);
  const own = ownUrl(workDir);
  const given = readUrl(wishes.url ?? own ?? DEFAULT_URL);
  const isOwn = own !== undefined && new URL(own).origin === new URL(given.url).origin;
  const token = wishes.token ?? (given.basic === undefined && isOwn ? readToken(workDir) : undefined);
  const authorization = token === undefined ? given.basic : `Bearer ${token}`;
  const connector = given.url.startsWith('https:')
    ? tlsConnector(wishes.ca, isOwn ? notedApiCert(workDir) : undefined)
    : undefined;
  return {
    url: given.url,
    ...(authorization === undefined ? {} : { authorization }),
    ...(connector === undefined ? {} : { connector, dispatcher: new Agent({ connect: connector }) }),
  };
}

/** Knows an https server by an authority's file, or by the very certificate that it is known to use. */
export function tlsDispatcher(
  caFile: string | undefined,
  certificate: string | undefined,
): Dispatcher | undefined {
  const connector = tlsConnector(caFile, certificate);
  return connector && new Agent({ connect: connector });
}

function tlsConnector(
  caFile: string | undefined,
  certificate: string | undefined,
): buildConnector.connector | undefined {
  if (caFile !== undefined) return buildConnector({ ca: readFileSync(caFile, 'utf8') });
  return certificate === undefined ? undefined : pinned(certificate);
}

/** Where the server of this work dir answers, if one runs: the address alone could be anybody's by now. */
function ownUrl(workDir: string): string | undefined {
  try {
    return PidLock.holder(join(workDir, 'run', 'server.lock')) === undefined
      ? undefined
      : notedApiUrl(workDir);
  } catch (error) {
    // Another user's work dir is none of ours.
    if ((error as NodeJS.ErrnoException).code === 'EACCES') return undefined;
    throw error;
  }
}

/** A URL and the credentials in it. Throws an Error with a sentence, without the password. */
export function readUrl(text: string): { readonly url: string; readonly basic: string | undefined } {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw new Error(`'${withoutPassword(text)}' is no URL; write it like http://host:8080`);
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    throw new Error(`'${withoutPassword(text)}' is no http or https URL`);
  const { username, password } = url;
  url.username = '';
  url.password = '';
  const basic =
    username === '' && password === ''
      ? undefined
      : `Basic ${Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString('base64')}`;
  return { url: url.href.replace(/\/+$/, ''), basic };
}

function withoutPassword(text: string): string {
  return text.replace(/\/\/[^/@]*@/, '//***@');
}
