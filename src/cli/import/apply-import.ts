import { type ChangeArguments, carryOut, exitCodes } from '../rest/carry-out.js';
import type { CommandIo } from '../rest/command-io.js';
import { appPath, type RestClient, RestError } from '../rest/rest-client.js';
import { chunksOf } from './decide/chunks.js';
import type { Reason } from './decide/judge-app.js';
import type { ImportPlan, PlannedApp, PlannedGroup } from './decide/plan-import.js';
import { refusedApps } from './decide/refused-apps.js';

export interface ApplyOptions extends ChangeArguments {
  readonly force: boolean;
  readonly oneByOne: boolean;
}

/** What the server had to say in the end. */
export interface Applied {
  /** The worst of the exit codes of the changes. */
  readonly code: number;
  readonly refused: ReadonlyMap<string, readonly Reason[]>;
  /** Apps that somebody else created meanwhile. */
  readonly appeared: readonly string[];
  /** Apps that were not sent any more, and why: an interruption, or an error that is none of an app's. */
  readonly unsent: readonly string[];
  readonly error?: unknown;
}

/** Well below what a server takes: 1 000 apps and 10 MiB. */
const LIMITS = { apps: 500, characters: 4 * 1024 * 1024 } as const;
/** A request is tried so often, each time without the apps that were refused; a server names them in up to four stages. */
const ROUNDS = 5;

/**
 * Creates and replaces apps; nothing is ever removed, and apps that are not named stay untouched. Groups first, so that their
 * dependencies hold when their apps start; then all apps in one deployment (in several of 500 where there are more), or one
 * by one. What the server refuses is left out and told; the rest goes on. Stops when interrupted, and at what is no refusal of
 * an app; never rejects, as what was done until then is to be told.
 */
export async function applyImport(
  client: RestClient,
  io: CommandIo,
  apps: readonly PlannedApp[],
  { groups, enforcingRole }: Pick<ImportPlan, 'groups' | 'enforcingRole'>,
  options: ApplyOptions,
): Promise<Applied> {
  const run = new ImportRun(client, io, options);
  const size = ({ definition }: PlannedApp): number => JSON.stringify(definition).length;
  const chunks = options.oneByOne ? apps.map((app) => [app]) : chunksOf(apps, LIMITS, size);
  let done = 0;
  try {
    for (const group of groups) if (!io.interrupted.aborted) await run.group(group);
    for (const chunk of chunks) {
      if (io.interrupted.aborted) break;
      const [app] = chunk;
      if (options.oneByOne && app) await run.single(app, `[${done + 1}/${chunks.length}] ${app.id}`);
      else await run.together(chunk);
      done++;
    }
    for (const id of enforcingRole) if (!io.interrupted.aborted) await run.enforceRole(id);
    return run.applied(chunks.slice(done).flat());
  } catch (error) {
    return { ...run.applied(chunks.slice(done).flat()), error };
  }
}

/**
 * What `applyImport` would be refused, asked of the server itself: every app is read, checked and judged there beside those
 * that go with it, and none is made. Never rejects either.
 */
export async function rehearseImport(
  client: RestClient,
  io: CommandIo,
  apps: readonly PlannedApp[],
  options: ApplyOptions,
): Promise<Applied> {
  const run = new ImportRun(client, io, options);
  const chunks = options.oneByOne
    ? apps.map((app) => [app])
    : chunksOf(apps, LIMITS, ({ definition }) => JSON.stringify(definition).length);
  try {
    for (const chunk of chunks) if (!io.interrupted.aborted) await run.rehearse(chunk);
    return run.applied([]);
  } catch (error) {
    return { ...run.applied([]), error };
  }
}

function groupPath(id: string): string {
  return id === '/' ? '/v2/groups' : appPath(id).replace('/v2/apps', '/v2/groups');
}

class ImportRun {
  #code: number = exitCodes.ok;
  readonly #refused = new Map<string, readonly Reason[]>();
  readonly #appeared: string[] = [];
  readonly #query: string;

  constructor(
    private readonly client: RestClient,
    private readonly io: CommandIo,
    private readonly options: ApplyOptions,
  ) {
    this.#query = `force=${options.force}`;
  }

  applied(unsent: readonly PlannedApp[]): Applied {
    return {
      code: this.#code,
      refused: this.#refused,
      appeared: this.#appeared,
      unsent: unsent.map(({ id }) => id).filter((id) => !this.#refused.has(id)),
    };
  }

  /** `dependencies` alone touches neither apps nor groups inside. */
  async group({ id, dependencies }: PlannedGroup): Promise<void> {
    await this.#carryOut(`group ${id}`, 'PUT', `${groupPath(id)}?${this.#query}`, { dependencies });
  }

  /** After its apps: what they have already they may keep. A group whose apps were all left out is not there. */
  async enforceRole(id: string): Promise<void> {
    try {
      await this.client.ask('PATCH', groupPath(id), { enforceRole: true });
    } catch (error) {
      if (!(error instanceof RestError) || error.status !== 404) throw error;
    }
  }

  together(chunk: readonly PlannedApp[]): Promise<void> {
    const path = `/v2/apps?partialUpdate=false&${this.#query}`;
    return this.#withoutRefused(chunk, (body) => {
      const what = body.length === 1 ? `${chunk[0]?.id}` : `${body.length} apps`;
      return this.#carryOut(what, 'PUT', path, body);
    });
  }

  rehearse(chunk: readonly PlannedApp[]): Promise<void> {
    const path = `/v2/apps?partialUpdate=false&${this.#query}&dryRun=true`;
    return this.#withoutRefused(chunk, async (body) => void (await this.client.ask('PUT', path, body)));
  }

  /** Sends the apps, again and again without those that were refused, until none is. */
  async #withoutRefused(
    chunk: readonly PlannedApp[],
    send: (definitions: readonly unknown[]) => Promise<void>,
  ): Promise<void> {
    let left = chunk;
    for (let round = 1; left.length > 0; round++) {
      try {
        await send(left.map(({ definition }) => definition));
        return;
      } catch (error) {
        const refused =
          error instanceof RestError && error.status === 422 ? refusedApps(error.details) : undefined;
        if (!refused || round === ROUNDS) throw error;
        for (const [index, reasons] of refused) {
          const app = left[index];
          if (app) this.#refused.set(app.id, reasons);
        }
        left = left.filter((_, index) => !refused.has(index));
      }
    }
  }

  /** A new app is created and never overwrites one that appeared since the plan was made. */
  async single({ id, definition, verdict }: PlannedApp, what: string): Promise<void> {
    try {
      if (verdict.kind === 'new') await this.#carryOut(what, 'POST', `/v2/apps?${this.#query}`, definition);
      else await this.#carryOut(what, 'PUT', `${appPath(id)}?partialUpdate=false&${this.#query}`, definition);
    } catch (error) {
      if (!(error instanceof RestError)) throw error;
      if (error.status === 409 && verdict.kind === 'new' && /already exists/.test(error.message)) {
        this.#appeared.push(id);
      } else if (error.status === 422) {
        const details = Array.isArray(error.details) ? error.details : [];
        const reasons = refusedApps(
          details.map((detail) => ({ ...detail, path: `/(0)${detail.path}` })),
        )?.get(0);
        this.#refused.set(id, reasons ?? [{ path: '/', text: error.message, hint: error.hint }]);
      } else throw error;
    }
  }

  async #carryOut(what: string, method: string, path: string, body: unknown): Promise<void> {
    const { client, io, options } = this;
    const code = await carryOut(client, options.json ? silent(io) : io, options, what, () =>
      client.ask(method, path, body),
    );
    // A deployment that failed says more than one that still runs.
    if (this.#code !== exitCodes.deploymentFailed && code !== exitCodes.ok) this.#code = code;
  }
}

/** One JSON document is printed in the end; what the steps would print is not. */
function silent(io: CommandIo): CommandIo {
  return {
    out: () => undefined,
    err: (text) => io.err(text),
    raw: () => undefined,
    readText: (path) => io.readText(path),
    terminal: false,
    interrupted: io.interrupted,
  };
}
