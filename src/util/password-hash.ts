import { randomBytes, scrypt, scryptSync, timingSafeEqual } from 'node:crypto';

/** A user's name and a salted scrypt hash of the password: all that is kept of credentials. */
export interface PasswordHash {
  readonly user: string;
  readonly saltHex: string;
  readonly hashHex: string;
}

const HASH_BYTES = 32;
/** About 32 MiB and a twentieth of a second per guess (RFC 7914 parameters N = 2^15, r = 8, p = 1). */
const cost = { N: 2 ** 15, r: 8, p: 1, maxmem: 64 * 1024 * 1024 } as const;

/** Hashes a password under a fresh salt. Takes its time on purpose: for the start of a process only. */
export function hashPassword(user: string, password: string): PasswordHash {
  const salt = randomBytes(16);
  const hash = scryptSync(password.normalize('NFC'), salt, HASH_BYTES, cost);
  return { user, saltHex: salt.toString('hex'), hashHex: hash.toString('hex') };
}

/** Whether this is the password; the work is done off the event loop, the comparison takes the same time for every guess. */
export function passwordMatches(wanted: PasswordHash, password: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const salt = Buffer.from(wanted.saltHex, 'hex');
    scrypt(password.normalize('NFC'), salt, HASH_BYTES, cost, (error, hash) => {
      if (error) reject(error);
      else resolve(timingSafeEqual(hash, Buffer.from(wanted.hashHex, 'hex')));
    });
  });
}
