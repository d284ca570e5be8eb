import type { Schemas } from '../../api/contract/load-contract.js';
import { exitCodes } from './carry-out.js';
import { type CommandIo, paint } from './command-io.js';
import type { RestClient } from './rest-client.js';
import { table } from './table.js';

const pathOf = (name: string): string => `/v2/certificates/${encodeURIComponent(name)}`;

/** `certificate add NAME`. */
export async function certificateAdd(
  client: RestClient,
  io: CommandIo,
  wanted: {
    readonly name: string;
    readonly certificate: string;
    readonly privateKey?: string;
    readonly json: boolean;
  },
): Promise<number> {
  const { certificate, privateKey } = wanted;
  const { body } = await client.ask<Schemas['Certificate']>('PUT', pathOf(wanted.name), {
    certificate,
    ...(privateKey !== undefined && { privateKey }),
  });
  if (wanted.json) {
    io.out(JSON.stringify(body, undefined, 2));
    return exitCodes.ok;
  }
  const what =
    body.kind === 'certificate' ? `is for ${body.names.join(' ')}` : `knows clients by ${body.subject}`;
  io.out(`${body.name} ${what}, until ${body.notAfter.slice(0, 10)}`);
  if (Date.parse(body.notAfter) <= Date.now())
    io.err(paint(io, 'dim', 'it has expired: browsers will refuse it'));
  return exitCodes.ok;
}

/** `certificate list`. */
export async function certificateList(
  client: RestClient,
  io: CommandIo,
  { json }: { readonly json: boolean },
): Promise<number> {
  const answer = await client.get<Schemas['CertificateList']>('/v2/certificates');
  if (json) {
    io.out(JSON.stringify(answer, undefined, 2));
    return exitCodes.ok;
  }
  const rows = answer.certificates.map(({ name, kind, source, names, subject, notAfter, usedBy }) => [
    name,
    kind === 'authority' ? 'authority' : source,
    kind === 'authority' ? subject : names.join(' '),
    notAfter.slice(0, 10),
    usedBy.join(' ') || '-',
  ]);
  io.out(
    rows.length > 0
      ? table(['NAME', 'KIND', 'FOR', 'UNTIL', 'USED BY'], rows)
      : 'There are no certificates. `longrun certificate add shop --file shop.pem` adds one.',
  );
  for (const { host, state, problem } of answer.acme?.hosts ?? [])
    if (state !== 'has-certificate')
      io.err(paint(io, 'dim', `${host}: ${state}${problem ? `, ${problem}` : ''}`));
  return exitCodes.ok;
}

/** `certificate rm NAME`. */
export async function certificateRemove(
  client: RestClient,
  io: CommandIo,
  { name, json }: { readonly name: string; readonly json: boolean },
): Promise<number> {
  await client.ask('DELETE', pathOf(name));
  io.out(json ? JSON.stringify({ removed: name }) : `${name} is removed`);
  return exitCodes.ok;
}
