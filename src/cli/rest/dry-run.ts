import type { Schemas } from '../../api/contract/load-contract.js';
import { exitCodes } from './carry-out.js';
import { type CommandIo, paint, printable } from './command-io.js';
import type { RestClient } from './rest-client.js';

type Announcement = Schemas['Announcement'];

/** Longest value of a difference that is shown. */
const MAX_SHOWN = 120;

/** A write as it would be sent. */
export interface AskedChange {
  readonly method: string;
  readonly path: string;
  readonly body?: unknown;
}

/** Asks what a change would mean and says it, in words or as the server's JSON. Nothing is changed. */
export async function dryRun(
  client: RestClient,
  io: CommandIo,
  { json }: { readonly json: boolean },
  { method, path, body }: AskedChange,
): Promise<number> {
  const query = `${path.includes('?') ? '&' : '?'}dryRun=true`;
  const { body: answer } = await client.ask<Announcement>(method, path + query, body);
  if (json) io.out(JSON.stringify(answer, undefined, 2));
  else for (const line of announcementLines(io, answer)) io.out(line);
  return exitCodes.ok;
}

const words: Readonly<Record<Announcement['changes'][number]['change'], string>> = {
  create: 'is created',
  delete: 'is stopped and removed',
  none: 'stays as it is',
  restart: 'changes; every instance is replaced',
  scale: 'is scaled',
  update: 'changes in place; nothing is restarted',
};
const marks = { create: '+', delete: '-', none: '=', restart: '~', scale: '~', update: '~' } as const;
const colours = {
  create: 'green',
  delete: 'red',
  none: 'dim',
  restart: 'yellow',
  scale: 'yellow',
  update: 'green',
} as const;

function* announcementLines(io: CommandIo, answer: Announcement): Generator<string> {
  for (const { id, change, diff } of answer.changes) {
    yield paint(io, colours[change], `${marks[change]} ${printable(id)} ${words[change]}`);
    for (const { path, effect, ...values } of diff) {
      const note = effect === 'restart' ? ' (restarts)' : '';
      if ('old' in values) yield paint(io, 'red', `    - ${printable(path)}: ${shown(values.old)}${note}`);
      if ('new' in values) yield paint(io, 'green', `    + ${printable(path)}: ${shown(values.new)}${note}`);
    }
  }
  for (const text of answer.warnings ?? []) yield paint(io, 'yellow', `  warning: ${printable(text)}`);
  for (const [index, { actions }] of answer.steps.entries()) {
    const names = actions.map(({ action, app, pod }) => `${action} ${app ?? pod ?? ''}`);
    yield `  step ${index + 1}: ${printable(names.join(', '))}`;
  }
  for (const placement of answer.placement) yield* placementLines(io, placement);
  const extra = answer.peakExtraCapacity;
  if (extra.instances > 0 || extra.cpus > 0 || extra.mem > 0)
    yield `  at its peak it takes ${extra.cpus} cpus and ${extra.mem} MiB more, for ${extra.instances} more instances`;
  if (answer.lockedBy.length > 0)
    yield paint(io, 'yellow', `  locked by deployment ${answer.lockedBy.join(', ')}; --force would end it`);
  yield paint(io, 'dim', 'Nothing was changed.');
}

/** Whether what has to find a place would, and what is missing. */
export function* placementLines(io: CommandIo, placement: Schemas['Placement']): Generator<string> {
  const { id, instances, fitting, fits, agents = [], smallestChange } = placement;
  if (fits === 'unknown') return;
  if (fits) {
    yield paint(
      io,
      'green',
      `  ${printable(id)}: room for ${instances} new instance${instances === 1 ? '' : 's'} right now`,
    );
    return;
  }
  yield paint(
    io,
    'red',
    `  ${printable(id)}: only ${fitting ?? 0} of ${instances} new instances fit right now`,
  );
  for (const { hostname, explanation } of agents)
    yield printable(`      ${hostname}: ${explanation.join('; ')}`);
  const lower = Object.entries(smallestChange?.lowerTo ?? {}).map(([name, amount]) => `${name} ${amount}`);
  if (lower.length > 0)
    yield printable(`      one more would fit on ${smallestChange?.hostname ?? ''} with ${lower.join(', ')}`);
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? '';
  return printable(text.length <= MAX_SHOWN ? text : `${text.slice(0, MAX_SHOWN)}...`);
}
