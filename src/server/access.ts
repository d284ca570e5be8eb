import type { ApiAuth } from '../api/api-context.js';
import { AuditTrail } from '../auth/audit-trail.js';
import { Authenticator } from '../auth/authenticator.js';
import { TokenBook } from '../auth/token-book.js';
import { authenticationRequired, isLoopback } from '../config/load-settings.js';
import type { Settings } from '../config/settings.js';
import { noteApiCert, type WorkDir } from '../config/work-dir.js';
import type { Log } from '../logging/log.js';
import type { StateStore } from '../store/state-store.js';
import type { Clock } from '../util/clock.js';
import type { Dice } from '../util/ids.js';
import { TlsFiles } from './tls-files.js';

interface Surroundings {
  readonly settings: Settings;
  readonly workDir: WorkDir;
  readonly clock: Clock;
  readonly dice: Dice;
  readonly log: Log;
}

/**
 * Builds and starts what knows who may do what, and what is remembered of it; says what an operator should know about it.
 * Rejects with StoreError.
 */
export async function startAccess(around: Surroundings, store: StateStore, epoch: number): Promise<ApiAuth> {
  const { settings, workDir, clock, dice } = around;
  const log = around.log.child('auth');
  const tokens = new TokenBook({ store, epoch, clock, dice, log });
  await tokens.start();
  const trail = new AuditTrail({ store, epoch, capacity: settings.auditEntries, clock, log });
  await trail.start();
  const authenticator = new Authenticator({
    required: authenticationRequired(settings),
    operatorToken: workDir.token,
    ...(settings.httpCredentials === undefined ? {} : { credentials: settings.httpCredentials }),
    tokens,
  });
  if (!isLoopback(settings.address)) {
    if (!authenticator.required)
      log.warn('everybody who reaches this address may do everything', { address: settings.address });
    else if (settings.tlsCert === undefined)
      log.warn('tokens and passwords travel unencrypted; --tls-cert and --tls-key change that');
  }
  return { tokens, trail, authenticator };
}

/** The API's certificate, noted in the work dir whenever it changes; undefined without one. Throws with a sentence. */
export function tlsFilesOf({ settings, workDir, clock, log }: Surroundings): TlsFiles | undefined {
  const { tlsCert, tlsKey } = settings;
  if (tlsCert === undefined || tlsKey === undefined) return undefined;
  const onChange = (cert: string): void => {
    try {
      noteApiCert(workDir.path, cert);
    } catch (error) {
      log.warn('the certificate of the API could not be noted in the work dir', { error: String(error) });
    }
  };
  return new TlsFiles({ certFile: tlsCert, keyFile: tlsKey, clock, log: log.child('tls'), onChange });
}
