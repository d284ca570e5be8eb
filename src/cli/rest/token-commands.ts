import type { Schemas } from '../../api/contract/load-contract.js';
import { exitCodes } from './carry-out.js';
import { type CommandIo, paint } from './command-io.js';
import { type RestClient, RestError } from './rest-client.js';
import { table } from './table.js';

type Token = Schemas['Token'];
type Grant = Token['grants'][number];

const unitSeconds: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 };

/** `90d`, `12h`, `30m`, `45s` or plain seconds; undefined when it is none of them. */
export function parseLife(text: string): number | undefined {
  const [, number, unit] = /^(\d{1,9})([smhd]?)$/.exec(text) ?? [];
  return number === undefined ? undefined : Number(number) * (unitSeconds[unit || 's'] ?? 1);
}

/** `deploy:/shop`; a right alone means the whole tree. What it may say is the server's to judge. */
export function parseGrant(text: string): Grant {
  const colon = text.indexOf(':');
  const right = (colon < 0 ? text : text.slice(0, colon)) as Grant['right'];
  return { right, path: colon < 0 ? '/' : text.slice(colon + 1) };
}

/** `token create NAME`: prints the secret, and nothing else to standard output, so that scripts can catch it. */
export async function tokenCreate(
  client: RestClient,
  io: CommandIo,
  args: {
    readonly name: string;
    readonly grants: readonly Grant[];
    readonly expiresInSeconds: number | undefined;
    readonly json: boolean;
  },
): Promise<number> {
  const { name, grants, expiresInSeconds } = args;
  const body = { name, grants, ...(expiresInSeconds === undefined ? {} : { expiresInSeconds }) };
  const { body: token } = await client.ask<Schemas['NewToken']>('POST', '/v2/tokens', body);
  if (args.json) {
    io.out(JSON.stringify(token, undefined, 2));
    return exitCodes.ok;
  }
  io.out(token.secret);
  const until = token.expiresAt === undefined ? 'does not expire' : `expires ${token.expiresAt}`;
  io.err(paint(io, 'dim', `${token.name}: ${grantTexts(token)}; ${until}. It is shown only this once.`));
  return exitCodes.ok;
}

/** `token list`. */
export async function tokenList(
  client: RestClient,
  io: CommandIo,
  { json }: { readonly json: boolean },
): Promise<number> {
  const answer = await client.get<Schemas['TokenList']>('/v2/tokens');
  if (json) {
    io.out(JSON.stringify(answer, undefined, 2));
    return exitCodes.ok;
  }
  const rows = answer.tokens.map((token) => [
    token.name,
    grantTexts(token),
    token.expired ? `expired ${token.expiresAt ?? ''}` : (token.expiresAt ?? 'never'),
    `${token.createdAt} by ${token.createdBy}`,
  ]);
  io.out(
    rows.length > 0
      ? table(['NAME', 'GRANTS', 'EXPIRES', 'MADE'], rows)
      : 'There are no tokens. `longrun token create NAME --grant deploy:/` makes one.',
  );
  return exitCodes.ok;
}

/** `token revoke NAME`: by name or id. */
export async function tokenRevoke(
  client: RestClient,
  io: CommandIo,
  { name, json }: { readonly name: string; readonly json: boolean },
): Promise<number> {
  const { tokens } = await client.get<Schemas['TokenList']>('/v2/tokens');
  const token = tokens.find((candidate) => candidate.name === name || candidate.id === name);
  if (token === undefined)
    throw new RestError(`there is no token '${name}'`, '`longrun token list` shows what there is.', 404);
  await client.ask('DELETE', `/v2/tokens/${encodeURIComponent(token.id)}`);
  io.out(json ? JSON.stringify({ revoked: token.id, name: token.name }) : `${token.name} is revoked`);
  return exitCodes.ok;
}

function grantTexts({ grants }: Pick<Token, 'grants'>): string {
  return grants.map(({ right, path }) => `${right}:${path}`).join(' ');
}
