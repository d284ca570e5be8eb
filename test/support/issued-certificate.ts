import { createPrivateKey, generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { der, utcTime } from './self-signed-certificate.js';

const id = (hex: string): Buffer => der(0x06, Buffer.from(hex, 'hex'));
const sequence = (...parts: readonly Buffer[]): Buffer => der(0x30, ...parts);
const ECDSA_SHA256 = sequence(id('2a8648ce3d040302'));
const DAY_MS = 86_400_000;

/** A certificate and its key, in PEM. */
export interface Issued {
  readonly commonName: string;
  readonly cert: string;
  readonly key: string;
}

/** A certificate for `names` (`*.example.test` too), signed by `issuer`, or by itself; `ca`: it may sign others. */
export function issue(
  commonName: string,
  names: readonly string[],
  options: { readonly issuer?: Issued; readonly ca?: boolean; readonly days?: number } = {},
): Issued {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const nameOf = (common: string): Buffer =>
    sequence(der(0x31, sequence(id('550403'), der(0x0c, Buffer.from(common)))));
  const extension = (oid: string, value: Buffer): Buffer => sequence(id(oid), der(0x04, value));
  const extensions = [
    extension('551d13', options.ca ? sequence(der(0x01, Buffer.from([0xff]))) : sequence()),
    ...(names.length > 0
      ? [extension('551d11', sequence(...names.map((name) => der(0x82, Buffer.from(name)))))]
      : []),
  ];
  const nowMs = Date.now();
  const endMs = nowMs + (options.days ?? 30) * DAY_MS;
  const body = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    ECDSA_SHA256,
    nameOf(options.issuer?.commonName ?? commonName),
    sequence(utcTime(new Date(Math.min(nowMs, endMs) - DAY_MS)), utcTime(new Date(endMs))),
    nameOf(commonName),
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(...extensions)),
  );
  const signer = options.issuer ? createPrivateKey(options.issuer.key) : privateKey;
  const signature = der(0x03, Buffer.from([0]), sign('sha256', body, signer));
  const base64 = sequence(body, ECDSA_SHA256, signature).toString('base64');
  const cert = `-----BEGIN CERTIFICATE-----\n${base64.match(/.{1,64}/g)?.join('\n')}\n-----END CERTIFICATE-----\n`;
  return { commonName, cert, key };
}
