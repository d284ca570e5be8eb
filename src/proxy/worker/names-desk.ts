import { join } from 'node:path';
import { NameServer } from '../../discovery/name-server.js';
import type { NamesMessage, NamesSettings } from '../../discovery/names-message.js';
import type { Log } from '../../logging/log.js';
import type { Clock, Timer } from '../../util/clock.js';
import { hostAllowed } from '../../util/host-allowed.js';
import { SystemDice } from '../../util/ids.js';
import type { ToParent, WorkerConfig } from '../listeners/worker-messages.js';

/** A port that is taken is tried again after this: whoever has it may go, as an earlier worker does. */
const RETRY_MS = 250;
const LONGEST_RETRY_MS = 5_000;

export interface NamesDeskOptions {
  readonly config: WorkerConfig;
  readonly names: NamesSettings;
  readonly bootId: string;
  tell(message: ToParent): void;
  readonly clock: Clock;
  readonly log: Log;
}

/** The name server inside a worker of the load balancer: kept listening, or tried again until it can. */
export class NamesDesk {
  readonly #server: NameServer;
  #retry: Timer | undefined;
  #retryMs = RETRY_MS;
  #started = false;
  #stopped = false;

  constructor(private readonly options: NamesDeskOptions) {
    const { config, names, bootId, clock, log } = options;
    this.#server = new NameServer({
      settings: names,
      cacheFile: join(config.workDir, 'proxy', 'names.json'),
      bootId,
      hostAllowed: (host, localPort) =>
        hostAllowed({
          host,
          localAddress: names.address,
          localPort,
          names: [names.address, config.hostname],
        }),
      clock,
      dice: new SystemDice(),
      log: log.child('dns'),
    });
  }

  /** What was known before this process began. */
  load(): void {
    this.#server.load();
  }

  apply(message: NamesMessage): void {
    this.#server.apply(message);
  }

  /** Begins to listen. Idempotent. */
  start(): void {
    if (this.#started) return;
    this.#started = true;
    void this.#listen();
  }

  async #listen(): Promise<void> {
    this.#retry = undefined;
    const { tell, clock } = this.options;
    try {
      const { dns, http } = await this.#server.listen();
      if (this.#stopped) await this.#server.stop();
      else tell({ type: 'NAMES_SERVED', dnsPort: dns, httpPort: http });
    } catch (error) {
      if (this.#stopped) return;
      tell({ type: 'NAMES_NOT_SERVED', reason: (error as Error).message });
      this.#retry = clock.after(this.#retryMs, () => void this.#listen());
      this.#retryMs = Math.min(LONGEST_RETRY_MS, this.#retryMs * 2);
    }
  }

  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#retry?.cancel();
    void this.#server.stop();
  }
}
