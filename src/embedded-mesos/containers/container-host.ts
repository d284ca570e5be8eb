import type { Log } from '../../logging/log.js';
import type { Clock } from '../../util/clock.js';
import type { Account, ContainerEvent } from './containerizer.js';
import type { Isolation } from './isolation/isolation.js';
import type { NamespaceSupport } from './isolation/namespaces.js';
import type { BridgeNetworks } from './network/bridge-networks.js';
import type { RunFiles } from './run-files.js';

/** What a container needs of its surroundings. */
export interface ContainerHost {
  readonly files: RunFiles;
  readonly isolation: Isolation;
  readonly namespaces: NamespaceSupport;
  /** Absent: no container of this host can have a network of its own. */
  readonly bridges?: BridgeNetworks;
  readonly clock: Clock;
  readonly log: Log;
  /** After the containerizer stopped nothing is done any more, and nothing said. */
  readonly stopped: boolean;
  request(id: string, account: Account | undefined): void;
  emit(event: ContainerEvent): void;
}

/** Resolves after `ms` on the host's clock. */
export function pause(host: Pick<ContainerHost, 'clock'>, ms: number): Promise<void> {
  return new Promise((resolve) => host.clock.after(ms, resolve));
}

/**
 * Asks again and again, with pauses doubling from 1 to 50 ms, until `condition` holds or `limitMs` have passed. False when it
 * never held, or the host stopped.
 */
export async function waitUntil(
  host: ContainerHost,
  limitMs: number,
  condition: () => boolean,
): Promise<boolean> {
  const untilMs = host.clock.monotonicMs() + limitMs;
  for (let waitMs = 1; ; waitMs = Math.min(waitMs * 2, 50)) {
    if (host.stopped) return false;
    if (condition()) return true;
    if (host.clock.monotonicMs() >= untilMs) return false;
    await pause(host, waitMs);
  }
}
