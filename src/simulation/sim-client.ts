import type { AppId, AppRecord } from '../apps/app.js';
import type { Prepare } from '../apps/app-changes.js';
import { CatalogError, type ErrorCode } from '../errors/registry.js';
import { keys, StoreError } from '../store/state-store.js';
import type { Clock } from '../util/clock.js';
import type { Timestamp } from '../util/timestamp.js';
import type { WantedApp } from './facts.js';
import type { Happening } from './observer.js';
import type { RecordingDisk } from './recording-disk.js';
import type { SimServer } from './sim-server.js';

/** What a client asks for. Bodies are those of the REST API. */
export type SimRequest =
  | {
      readonly kind: 'create';
      readonly body: { readonly id: string } & Readonly<Record<string, unknown>>;
      readonly wanted: WantedApp;
    }
  | {
      readonly kind: 'update';
      readonly id: string;
      readonly body: Readonly<Record<string, unknown>>;
      readonly wanted: WantedApp;
      readonly force?: boolean;
    }
  | { readonly kind: 'delete'; readonly id: string; readonly force?: boolean }
  /** Ends the app's running deployment with a rollback. `wanted`: what that leads back to. */
  | { readonly kind: 'cancel'; readonly id: string; readonly wanted: WantedApp | undefined };

export interface SimClientOptions {
  readonly clock: Clock;
  readonly disk: RecordingDisk;
  readonly record: (happening: Happening) => void;
  readonly nextNumber: () => number;
  /** The server that answers now, and the news of its death. */
  readonly server: () => { readonly server: SimServer; readonly died: Promise<void> } | undefined;
}

const RETRY_MS = 500;
const NO_SERVER_RETRY_MS = 100;
/** A client that gets nowhere for so long has found a defect. */
const MAX_ATTEMPTS = 5_000;
const worthRetrying: ReadonlySet<ErrorCode> = new Set([
  'app-locked',
  'starting',
  'store-unavailable',
  'too-busy',
  'too-many-deployments',
]);

type Outcome = 'done' | 'again' | { readonly refused: string };

/** A stubborn user: asks until it gets an answer, and looks first whether an earlier, unanswered attempt has done it. */
export class SimClient {
  #pending = 0;

  constructor(private readonly options: SimClientOptions) {}

  get isWaiting(): boolean {
    return this.#pending > 0;
  }

  /** Resolves when the request is acknowledged or refused for good; whether it was acknowledged. */
  async ask(request: SimRequest): Promise<boolean> {
    const { record } = this.options;
    const id = request.kind === 'create' ? request.body.id : request.id;
    const wanted = request.kind === 'delete' ? undefined : request.wanted;
    const number = this.options.nextNumber();
    record({ kind: 'asked', request: number, wanted: { [id]: wanted } });
    this.#pending += 1;
    try {
      for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
        const outcome = await this.#attempt(number, request, id as AppId, wanted, attempt > 1);
        if (outcome === 'done') return true;
        if (outcome !== 'again') {
          record({ kind: 'refused', request: number, code: outcome.refused });
          return false;
        }
      }
      record({ kind: 'refused', request: number, code: 'gave up' });
      return false;
    } finally {
      this.#pending -= 1;
    }
  }

  async #attempt(
    number: number,
    request: SimRequest,
    id: AppId,
    wanted: WantedApp | undefined,
    isRetry: boolean,
  ): Promise<Outcome> {
    const life = this.options.server();
    if (!life) return this.#pause(NO_SERVER_RETRY_MS);
    const { server } = life;
    if (isRetry && isAsWanted(server.registry.get(id), wanted)) {
      this.#acknowledged(number, id, wanted, '', '');
      return 'done';
    }
    const answer = this.#send(server, request, id).then(
      ({ version, deploymentId }) => {
        this.#acknowledged(number, id, wanted, version, deploymentId);
        return 'done' as const;
      },
      (error: unknown) => this.#refused(error),
    );
    const died = life.died.then(() => 'again' as const);
    const outcome = await Promise.race([answer, died]);
    return outcome === 'again' ? this.#pause(RETRY_MS) : outcome;
  }

  async #send(
    server: SimServer,
    request: SimRequest,
    id: AppId,
  ): Promise<{ version: Timestamp; deploymentId: string }> {
    if (request.kind === 'cancel') {
      const [running] = server.deployments.affecting(id);
      const accepted =
        running === undefined ? undefined : await server.deployments.cancel(running, { force: false });
      if (!accepted) throw new CatalogError('deployment-not-found', { id: running ?? id });
      return accepted;
    }
    const force = request.kind !== 'create' && request.force === true;
    return server.deployments.change(await this.#prepare(server, request, id), { force });
  }

  async #prepare(
    { changes }: SimServer,
    request: Exclude<SimRequest, { kind: 'cancel' }>,
    id: AppId,
  ): Promise<Prepare> {
    switch (request.kind) {
      case 'create':
        return changes.createApp(request.body);
      case 'update':
        return changes.updateApp(id, request.body, { partialUpdate: true, mayCreate: false });
      case 'delete':
        return changes.deleteApp(id);
    }
  }

  #refused(error: unknown): Outcome {
    if (error instanceof StoreError) return 'again';
    if (!(error instanceof CatalogError)) throw error;
    return worthRetrying.has(error.code) ? 'again' : { refused: error.code };
  }

  #acknowledged(
    request: number,
    id: AppId,
    wanted: WantedApp | undefined,
    version: Timestamp | '',
    deploymentId: string,
  ): void {
    const stored = (this.options.disk.read(keys.app(id)) as { readonly record: AppRecord } | undefined)
      ?.record;
    const isNewer = stored !== undefined && version !== '' && stored.app.version > version;
    const durable = isNewer || isAsWanted(stored, wanted);
    this.options.record({
      kind: 'acknowledged',
      request,
      wanted: { [id]: wanted },
      durable,
      version,
      deploymentId,
    });
  }

  async #pause(ms: number): Promise<'again'> {
    await new Promise<void>((next) => this.options.clock.after(ms, next));
    return 'again';
  }
}

/** Whether a definition is what a client asked for. */
export function isAsWanted(record: AppRecord | undefined, wanted: WantedApp | undefined): boolean {
  if (!record || !wanted) return !record && !wanted;
  return record.app.instances === wanted.instances && record.app.cmd === wanted.cmd;
}
