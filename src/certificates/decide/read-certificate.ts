import { createPrivateKey, X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';

/** What a certificate says of itself. */
export interface CertificateFacts {
  /** In one line, `CN=web.example, O=Example`. */
  readonly subject: string;
  readonly issuer: string;
  /** DNS names that it is good for, lower case; wildcards as `*.example.com`. */
  readonly names: readonly string[];
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** SHA-256 of the certificate, as openssl shows it. */
  readonly fingerprint: string;
  readonly serialNumber: string;
}

/** Most certificates in one chain, and the size of all PEM text of one. */
export const MAX_CHAIN = 10;
export const MAX_PEM_BYTES = 128 * 1024;

const block = /-----BEGIN ([A-Z0-9 ]+)-----\r?\n[\s\S]*?-----END \1-----/g;

/** The PEM text in two: certificates, and the private key if there is one (as in HAProxy's .pem files, which have both in one). */
export function splitPem(text: string): { readonly certificates: string; readonly privateKey: string } {
  const blocks = [...text.matchAll(block)];
  const of = (fits: (label: string) => boolean): string =>
    blocks
      .filter(([, label = '']) => fits(label))
      .map(([whole]) => `${whole}\n`)
      .join('');
  return {
    certificates: of((label) => label === 'CERTIFICATE'),
    privateKey: of((label) => label.endsWith('PRIVATE KEY')),
  };
}

/** Reads a chain: the facts of its first certificate. Throws an Error with a sentence. */
export function readChain(pem: string): CertificateFacts {
  const certificates = chainOf(pem);
  const first = certificates[0];
  if (!first) throw new Error('there is no certificate in it (-----BEGIN CERTIFICATE-----)');
  return factsOf(first);
}

/** Reads certificate authorities: the facts of each. Throws an Error with a sentence. */
export function readAuthorities(pem: string): readonly CertificateFacts[] {
  const certificates = chainOf(pem);
  if (certificates.length === 0)
    throw new Error('there is no certificate in it (-----BEGIN CERTIFICATE-----)');
  for (const each of certificates)
    if (!each.ca) throw new Error(`${oneLine(each.subject)} is not a certificate authority`);
  return certificates.map(factsOf);
}

/** Throws an Error with a sentence when the key is none, is locked, or belongs to another certificate. */
export function checkPair(certificate: string, privateKey: string): void {
  const first = chainOf(certificate)[0];
  if (!first) throw new Error('there is no certificate in it (-----BEGIN CERTIFICATE-----)');
  let key: ReturnType<typeof createPrivateKey>;
  try {
    key = createPrivateKey(privateKey);
  } catch {
    // The library's words might quote the key.
    const locked = /ENCRYPTED/.test(privateKey);
    throw new Error(
      locked ? 'the private key is protected by a passphrase' : 'the private key cannot be read',
    );
  }
  if (!first.checkPrivateKey(key)) throw new Error('the private key belongs to another certificate');
  createSecureContext({ cert: certificate, key: privateKey });
}

/** Whether a certificate with these names is good for a host. */
export function coversHost(names: readonly string[], host: string): boolean {
  const dot = host.indexOf('.');
  return names.includes(host) || (dot > 0 && names.includes(`*${host.slice(dot)}`));
}

function chainOf(pem: string): readonly X509Certificate[] {
  const blocks = [...pem.matchAll(block)];
  if (blocks.length > MAX_CHAIN) throw new Error(`there are more than ${MAX_CHAIN} certificates in it`);
  return blocks
    .filter(([, label]) => label === 'CERTIFICATE')
    .map(([whole], index) => {
      try {
        return new X509Certificate(whole);
      } catch {
        throw new Error(`certificate ${index + 1} of the chain cannot be read`);
      }
    });
}

function factsOf(certificate: X509Certificate): CertificateFacts {
  return {
    subject: oneLine(certificate.subject),
    issuer: oneLine(certificate.issuer),
    names: namesOf(certificate),
    notBeforeMs: Date.parse(certificate.validFrom),
    notAfterMs: Date.parse(certificate.validTo),
    fingerprint: certificate.fingerprint256,
    serialNumber: certificate.serialNumber,
  };
}

/** Alternative names; only without any, the common name counts (RFC 6125 6.4.4). */
function namesOf(certificate: X509Certificate): readonly string[] {
  const alternatives = (certificate.subjectAltName ?? '')
    .split(', ')
    .filter((name) => name.startsWith('DNS:'))
    .map((name) => name.slice(4).toLowerCase());
  if (alternatives.length > 0) return [...new Set(alternatives)];
  const common = /^CN=(.+)$/m.exec(certificate.subject)?.[1];
  return common === undefined ? [] : [common.toLowerCase()];
}

/** `CN=..` lines as one, the most particular first. */
export function oneLine(name: string): string {
  return name.split('\n').filter(Boolean).reverse().join(', ');
}
