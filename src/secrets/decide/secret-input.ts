import { CatalogError } from '../../errors/registry.js';
import { MAX_SECRET_BYTES } from '../secret.js';

const wrong = (reason: string): CatalogError =>
  new CatalogError('invalid-argument', {
    reason,
    hint: 'Send {"value": "text"}, or {"base64": "..."} for bytes.',
  });

/**
 * The value in the body of a write: `{"value": text}` or `{"base64": bytes}`. Throws `invalid-argument`; nothing of what was
 * sent is in the words.
 */
export function readSecretInput(body: unknown): Buffer {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) throw wrong('A secret is an object');
  const { value, base64, ...rest } = body as Readonly<Record<string, unknown>>;
  if (Object.keys(rest).length > 0) throw wrong('A secret has `value` or `base64`, and nothing else');
  if ((value === undefined) === (base64 === undefined))
    throw wrong('Exactly one of `value` and `base64` is needed');
  if (value !== undefined && typeof value !== 'string') throw wrong('`value` is a text');
  if (base64 !== undefined && (typeof base64 !== 'string' || !isBase64(base64)))
    throw wrong('`base64` is not base64');
  const bytes = typeof value === 'string' ? Buffer.from(value) : Buffer.from(String(base64), 'base64');
  if (bytes.length === 0) throw wrong('A secret is not empty');
  if (bytes.length > MAX_SECRET_BYTES) throw wrong(`A secret has at most ${MAX_SECRET_BYTES} bytes`);
  return bytes;
}

function isBase64(text: string): boolean {
  return text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text);
}
