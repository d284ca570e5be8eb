import type { ApiAuth } from '../../../src/api/api-context.js';
import { AuditTrail } from '../../../src/auth/audit-trail.js';
import { Authenticator } from '../../../src/auth/authenticator.js';
import type { Grant } from '../../../src/auth/principal.js';
import { TokenBook } from '../../../src/auth/token-book.js';
import { silentLog } from '../../../src/logging/log.js';
import { MemoryStore } from '../../../src/store/memory-store.js';
import { SystemDice } from '../../../src/util/ids.js';
import { hashPassword } from '../../../src/util/password-hash.js';
import { VirtualClock } from '../../../src/util/virtual-clock.js';

export const OPERATOR_TOKEN = 'a0'.repeat(32);

/** Authentication as the server builds it, over a store in memory and a clock that tests move. */
export interface AuthWorld extends ApiAuth {
  readonly clock: VirtualClock;
  readonly store: MemoryStore;
  /** Makes a token and answers the header that proves it. */
  token(name: string, grants: readonly Grant[], expiresInSeconds?: number): Promise<Record<string, string>>;
}

export const bearer = (secret: string): Record<string, string> => ({ authorization: `Bearer ${secret}` });

/** A hash takes its time on purpose. */
const credentials = hashPassword('ann', 'correct horse');

export async function makeAuth({ required = true, capacity = 1_000 } = {}): Promise<AuthWorld> {
  const clock = new VirtualClock();
  const store = new MemoryStore({ clock, log: silentLog });
  await store.open();
  const tokens = new TokenBook({ store, epoch: 1, clock, dice: new SystemDice(), log: silentLog });
  await tokens.start();
  const trail = new AuditTrail({ store, epoch: 1, capacity, clock, log: silentLog });
  await trail.start();
  const authenticator = new Authenticator({
    required,
    operatorToken: OPERATOR_TOKEN,
    credentials,
    tokens,
  });
  return {
    authenticator,
    tokens,
    trail,
    clock,
    store,
    token: async (name, grants, expiresInSeconds) => {
      const life = expiresInSeconds === undefined ? {} : { expiresInSeconds };
      return bearer((await tokens.create({ name, grants, ...life }, 'test')).secret);
    },
  };
}
