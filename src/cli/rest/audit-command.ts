import type { Schemas } from '../../api/contract/load-contract.js';
import { exitCodes } from './carry-out.js';
import type { CommandIo } from './command-io.js';
import type { RestClient } from './rest-client.js';
import { table } from './table.js';

export interface AuditArguments {
  readonly lines: number;
  readonly who: string | undefined;
  readonly app: string | undefined;
  /** Begin after this entry instead of with the newest ones. */
  readonly after: number | undefined;
  readonly json: boolean;
}

/** `audit`: who changed what, when, from where. JSON is one entry a line, for programs that ship it elsewhere. */
export async function audit(client: RestClient, io: CommandIo, args: AuditArguments): Promise<number> {
  const query = new URLSearchParams({ limit: String(args.lines) });
  if (args.who !== undefined) query.set('who', args.who);
  if (args.app !== undefined) query.set('app', args.app);
  if (args.after !== undefined) query.set('after', String(args.after));
  const { entries } = await client.get<Schemas['AuditPage']>(`/v2/audit?${query}`);
  if (args.json) {
    for (const entry of entries) io.out(JSON.stringify(entry));
    return exitCodes.ok;
  }
  if (entries.length === 0) {
    io.out('No such write is remembered.');
    return exitCodes.ok;
  }
  const rows = entries.map((entry) => [
    entry.seq,
    entry.time,
    entry.who,
    entry.from,
    `${entry.method} ${entry.path}`,
    entry.status,
    [
      ...namedApps(entry),
      ...(entry.fields === undefined ? [] : [entry.fields.join(',')]),
      ...(entry.untold === undefined ? [] : [`${entry.untold} more were refused before`]),
    ].join('; '),
  ]);
  io.out(table(['NO', 'TIME', 'WHO', 'FROM', 'ASKED', 'STATUS', 'CHANGED'], rows));
  return exitCodes.ok;
}

/** Apps that one line names; `--json` has them all. */
const MOST_APPS = 3;

/** The apps that a write touched, where its path does not say which one. */
function namedApps({ apps = [], path }: Schemas['AuditEntry']): readonly string[] {
  if (apps.length === 0 || (apps.length === 1 && path.includes(`/v2/apps${apps[0]}`))) return [];
  const more = apps.length - MOST_APPS;
  return [`${apps.slice(0, MOST_APPS).join(' ')}${more > 0 ? ` and ${more} more` : ''}`];
}
