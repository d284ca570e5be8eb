import { Agent } from 'undici';
import { type RestClient, RestError } from '../rest/rest-client.js';
import { readUrl, type ServerConnection } from '../rest/server-connection.js';
import { isObject, type JsonObject, objectsOf } from './decide/json-value.js';
import { liesIn, looksLikeGroup, readTree, type SourceTree } from './decide/read-tree.js';

/** Where the old Marathon is and how to speak to it. */
export interface SourceWishes {
  /** May carry `user:password@`. */
  readonly url: string;
  /** `name:password` for basic authentication. */
  readonly user?: string | undefined;
  /** The value of the header, for anything else: `token=...`. */
  readonly authorization?: string | undefined;
  /** Take any certificate. */
  readonly insecureTls: boolean;
}

export function connectToSource({ url, user, authorization, insecureTls }: SourceWishes): ServerConnection {
  const given = readUrl(url);
  const basic = user === undefined ? given.basic : `Basic ${Buffer.from(user).toString('base64')}`;
  const header = authorization ?? basic;
  return {
    url: given.url,
    ...(header === undefined ? {} : { authorization: header }),
    ...(insecureTls && given.url.startsWith('https:')
      ? { dispatcher: new Agent({ connect: { rejectUnauthorized: false } }) }
      : {}),
  };
}

const EMBEDS = 'embed=group.groups&embed=group.apps';

/** What an old Marathon (or another longrun) has. Reads only. */
export interface Source extends SourceTree {
  readonly pods: readonly JsonObject[];
}

/**
 * Reads a group of the old Marathon with all that lies in it; a release without pods has none. Rejects with RestError, in
 * words about the source, when nothing answers, or nothing that speaks as Marathon does.
 */
export async function readSource(client: RestClient, group: string): Promise<Source> {
  try {
    const tree = await readServer(client, group);
    const pods = objectsOf(await optional(client, '/v2/pods')).filter((pod) => liesIn(pod['id'], group));
    return { ...tree, pods };
  } catch (error) {
    throw inWordsOfSource(client, error);
  }
}

/** Reads a group with all that lies in it, pods left out; a server without groups is asked for its apps alone. */
export async function readServer(client: RestClient, group: string): Promise<SourceTree> {
  const path = group === '/' ? '/v2/groups' : `/v2/groups${group}`;
  try {
    const root = await client.get<unknown>(`${path}?${EMBEDS}`);
    if (looksLikeGroup(root)) return readTree(root);
  } catch (error) {
    if (!(error instanceof RestError) || [0, 401, 403].includes(error.status)) throw error;
    if (error.status === 404 && group !== '/') throw error;
  }
  return readApps(client, group);
}

/** A tree without facts about groups. */
async function readApps(client: RestClient, group: string): Promise<SourceTree> {
  const list = await optional(client, '/v2/apps?embed=apps.counts');
  if (!isObject(list) || !Array.isArray(list['apps'])) {
    throw new RestError(
      `what answers at ${client.url} is no Marathon`,
      'Its API is wanted: what `curl URL/v2/apps` answers with apps.',
      0,
    );
  }
  return { apps: objectsOf(list['apps']).filter((app) => liesIn(app['id'], group)), groups: [] };
}

/** The answer, or undefined where that release does not know the path. */
async function optional(client: RestClient, path: string): Promise<unknown> {
  try {
    return await client.get<unknown>(path);
  } catch (error) {
    // Releases before 1.4 know no pods: 404, or 500 as of any unknown path.
    if (error instanceof RestError && (error.status === 404 || error.status === 500)) return undefined;
    throw error;
  }
}

function inWordsOfSource({ url }: RestClient, error: unknown): unknown {
  if (!(error instanceof RestError)) return error;
  const { message, status } = error;
  if (status === 401 || status === 403) {
    return new RestError(
      `${url} refuses to be read: ${message}`,
      'Say who asks: --user name:password, or --source-authorization with the value of the header.',
      status,
    );
  }
  if (status !== 0 || !message.startsWith('no longrun server')) return error;
  return new RestError(
    message.replace('no longrun server answers', 'no Marathon answers'),
    'Name the address of its API, as in http://old-marathon:8080.',
    0,
  );
}
