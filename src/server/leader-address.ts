import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { Settings } from '../config/settings.js';
import type { Log } from '../logging/log.js';

/** Where others reach the master's port, for the name `leader.mesos`; undefined when this host's own name is not known. */
export async function leaderAddress(
  { address, hostname }: Pick<Settings, 'address' | 'hostname'>,
  port: number,
  log: Log,
): Promise<{ readonly address: string; readonly port: number } | undefined> {
  if (isIP(address) !== 0 && address !== '0.0.0.0' && address !== '::') return { address, port };
  try {
    return { address: (await lookup(hostname)).address, port };
  } catch (error) {
    log.warn(`there is no name leader.mesos: the name of this host, ${hostname}, has no address`, {
      error: (error as Error).message,
    });
    return undefined;
  }
}
