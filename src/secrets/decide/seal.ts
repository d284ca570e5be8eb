import { createCipheriv, createDecipheriv } from 'node:crypto';

/** AES-256 in GCM: 32 bytes of key, 12 of nonce (NIST SP 800-38D), 16 of tag. */
const CIPHER = 'aes-256-gcm';
export const KEY_BYTES = 32;
export const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** A value that only the holder of a key can read; all but `keyId` in base64. */
export interface Sealed {
  readonly keyId: string;
  readonly nonce: string;
  readonly tag: string;
  readonly data: string;
}

export interface SealingKey {
  readonly id: string;
  readonly key: Buffer;
}

/** What a value is for: it cannot be opened as anything else, so that records cannot be exchanged on disk. */
export interface Purpose {
  readonly path: string;
  readonly version: number;
}

const boundTo = ({ path, version }: Purpose): Buffer => Buffer.from(`longrun-secret\0${path}\0${version}`);

/** `nonce`: 12 random bytes, never used twice with one key. */
export function seal(value: Buffer, purpose: Purpose, { id, key }: SealingKey, nonce: Buffer): Sealed {
  const cipher = createCipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(boundTo(purpose));
  const data = Buffer.concat([cipher.update(value), cipher.final()]);
  return {
    keyId: id,
    nonce: nonce.toString('base64'),
    tag: cipher.getAuthTag().toString('base64'),
    data: data.toString('base64'),
  };
}

/** The value again. Throws when it was sealed with another key, for another purpose, or was changed since. */
export function unseal(sealed: Sealed, purpose: Purpose, { key }: SealingKey): Buffer {
  const decipher = createDecipheriv(CIPHER, key, Buffer.from(sealed.nonce, 'base64'), {
    authTagLength: TAG_BYTES,
  });
  decipher.setAAD(boundTo(purpose));
  decipher.setAuthTag(Buffer.from(sealed.tag, 'base64'));
  return Buffer.concat([decipher.update(Buffer.from(sealed.data, 'base64')), decipher.final()]);
}
