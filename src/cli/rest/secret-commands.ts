import type { Schemas } from '../../api/contract/load-contract.js';
import { exitCodes } from './carry-out.js';
import { type CommandIo, paint } from './command-io.js';
import type { RestClient } from './rest-client.js';
import { table } from './table.js';

const pathOf = (path: string): string => {
  const segments = path.split('/').filter((part) => part !== '');
  return `/v2/secrets/${segments.map(encodeURIComponent).join('/')}`;
};

/** `secret set PATH`. */
export async function secretSet(
  client: RestClient,
  io: CommandIo,
  { path, value, json }: { readonly path: string; readonly value: Buffer; readonly json: boolean },
): Promise<number> {
  const { body } = await client.ask<Schemas['ChangedSecret']>('PUT', pathOf(path), {
    base64: value.toString('base64'),
  });
  if (json) {
    io.out(JSON.stringify(body, undefined, 2));
    return exitCodes.ok;
  }
  io.out(`${body.path} is set, version ${body.version}`);
  if (body.restarts.length > 0)
    io.err(paint(io, 'dim', `being restarted for it: ${body.restarts.join(' ')}`));
  return exitCodes.ok;
}

/** `secret list`. */
export async function secretList(
  client: RestClient,
  io: CommandIo,
  { json }: { readonly json: boolean },
): Promise<number> {
  const answer = await client.get<Schemas['SecretList']>('/v2/secrets');
  if (json) {
    io.out(JSON.stringify(answer, undefined, 2));
    return exitCodes.ok;
  }
  const rows = answer.secrets.map(({ path, version, size, versions, usedBy }) => {
    const newest = versions.at(-1);
    const set = newest === undefined ? '' : `${newest.createdAt} by ${newest.createdBy}`;
    return [path, String(version), `${size} B`, set, usedBy.join(' ') || '-'];
  });
  io.out(
    rows.length > 0
      ? table(['PATH', 'VERSION', 'SIZE', 'SET', 'USED BY'], rows)
      : 'There are no secrets. `longrun secret set /shop/db-password` makes one.',
  );
  return exitCodes.ok;
}

/** `secret rm PATH`. */
export async function secretRemove(
  client: RestClient,
  io: CommandIo,
  { path, json }: { readonly path: string; readonly json: boolean },
): Promise<number> {
  await client.ask('DELETE', pathOf(path));
  io.out(json ? JSON.stringify({ removed: path }) : `${path} is removed`);
  return exitCodes.ok;
}

/** `secret rotate-key`. */
export async function secretRotateKey(
  client: RestClient,
  io: CommandIo,
  { json }: { readonly json: boolean },
): Promise<number> {
  const { body } = await client.ask<Schemas['RotatedSecretKey']>('POST', '/v2/secret-key');
  io.out(
    json
      ? JSON.stringify(body)
      : `the key is ${body.keyId} now; ${body.secrets} secrets are encrypted with it`,
  );
  return exitCodes.ok;
}
