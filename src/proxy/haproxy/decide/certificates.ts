import { createHash } from 'node:crypto';
import type { RoutingTls } from '../../../apps/port-routing.js';
import { ACME, type ServedAuthority } from '../../../certificates/bundle.js';
import { referredName } from '../../../certificates/decide/missing-certificates.js';

/** A certificate that HAProxy may be given. */
export interface KnownCertificate {
  readonly name: string;
  /** The chain and its key, without empty lines: these would end a command. */
  readonly pem: string;
  /** Hosts that it is good for, in lower case. */
  readonly names: readonly string[];
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** What TLS can be spoken with at a moment. */
export interface TlsFacts {
  /** In the order of their names. */
  readonly certificates: readonly KnownCertificate[];
  readonly authorities: readonly ServedAuthority[];
  /** Answers to ACME challenges, by token. */
  readonly challenges: Readonly<Record<string, string>>;
  /** Files that HAProxy does not take, with what they said then. */
  readonly refused: ReadonlyMap<string, string>;
  readonly nowMs: number;
}

export const NO_TLS: TlsFacts = {
  certificates: [],
  authorities: [],
  challenges: {},
  refused: new Map(),
  nowMs: 0,
};

/** Folder of certificates and authorities beside the configuration. */
export const CERTIFICATES_DIR = 'certs';
/** Name of the certificate for clients that ask for no host, or for one that nobody has. */
const DEFAULT = 'default';
/** Nobody asks for it: it keeps HAProxy from taking the hosts of a default certificate itself. */
const NO_HOST = 'longrun.invalid';
/** A list's line has room for some 2 000 words. */
const HOSTS_PER_LINE = 100;

/** A line of a list: one certificate for some hosts, to clients that show certificates of these authorities, if any. */
interface Entry {
  readonly certificate: KnownCertificate;
  readonly authorities: readonly string[];
}

/** Certificates of a port in HAProxy's words, with the files that they stand in. */
export interface CertificateList {
  readonly text: string;
  readonly files: ReadonlyMap<string, string>;
  /** Whose certificates a connection for this host (or `*.host`) was made with: guardOf(), or `-` for nobody's. */
  readonly guards: ReadonlyMap<string, string>;
}

/** Between the names of a guard: no encoded name has it, and HAProxy gives it no meaning (a comma ends an argument of a fetch method). */
const GUARDS_APART = '|';

/** One word for a set of authorities, as it stands in maps and conditions. */
export function guardOf(authorities: readonly string[]): string {
  return [...new Set(authorities)].sort().map(encodeURIComponent).join(GUARDS_APART);
}

/** Whether a client that showed a certificate of all of `shown` satisfies who asks for one of `asked`. */
export function satisfies(shown: string, asked: readonly string[]): boolean {
  const own = new Set(asked.map(encodeURIComponent));
  return shown !== '' && shown.split(GUARDS_APART).every((name) => own.has(name));
}

/** Those that HAProxy can be given. */
export function usableCertificates({ certificates, refused }: TlsFacts): readonly KnownCertificate[] {
  return certificates.filter((each) => refused.get(certificateFile(each)) !== each.pem);
}

/** Whether all of these authorities are known and taken by HAProxy. */
export function knowsAuthorities(facts: TlsFacts, names: readonly string[]): boolean {
  const text = authoritiesText(facts, names);
  return text !== undefined && facts.refused.get(authoritiesFile(names)) !== text;
}

/**
 * The list for virtual hosts: each host has the best certificate for it, and `authoritiesOf` says whether its clients must show one of
 * their own; hosts of `asking` have a line also where no certificate covers them. Undefined: there is no certificate at all.
 */
export function vhostList(
  facts: TlsFacts,
  asking: Iterable<string>,
  authoritiesOf: (host: string) => readonly string[],
): CertificateList | undefined {
  const usable = usableCertificates(facts);
  const fallback = usable.find(({ name }) => name === DEFAULT) ?? usable[0];
  if (!fallback) return undefined;
  const best = new Map<string, KnownCertificate>();
  for (const certificate of usable)
    for (const host of certificate.names) {
      const known = best.get(host);
      if (!known || isBetter(certificate, known, facts.nowMs)) best.set(host, certificate);
    }
  for (const host of asking)
    if (!best.has(host)) best.set(host, best.get(host.replace(/^[^.]*/, '*')) ?? fallback);
  const hosts = new Map<string, Entry>();
  for (const [host, certificate] of best)
    if (isHost(host)) hosts.set(host, { certificate, authorities: authoritiesOf(host) });
  return listOf(facts, fallback, hosts);
}

/** The list of a service port, or why there is none. */
export function portList(
  facts: TlsFacts,
  { certificates: references = [], clientAuthorities = [] }: RoutingTls,
): CertificateList | string {
  if (!knowsAuthorities(facts, clientAuthorities))
    return 'an authority whose certificates clients must show is not known';
  const named = references.filter((name) => name !== ACME).map(referredName);
  const all = usableCertificates(facts);
  const some = named.length === 0 ? all : named.flatMap((name) => all.filter((each) => each.name === name));
  const [first] = some;
  if (!first) return 'none of its certificates is known';
  const hosts = new Map<string, Entry>();
  for (const certificate of some)
    for (const host of certificate.names)
      if (isHost(host) && !hosts.has(host)) hosts.set(host, { certificate, authorities: clientAuthorities });
  return listOf(facts, first, hosts, clientAuthorities);
}

function listOf(
  facts: TlsFacts,
  fallback: KnownCertificate,
  hosts: ReadonlyMap<string, Entry>,
  fallbackAuthorities: readonly string[] = [],
): CertificateList {
  const files = new Map<string, string>();
  const guards = new Map<string, string>();
  const byLine = new Map<string, string[]>();
  const begin = ({ certificate, authorities }: Entry): string => {
    const file = certificateFile(certificate);
    files.set(file, certificate.pem);
    if (authorities.length === 0 || !knowsAuthorities(facts, authorities)) return `${file} []`;
    const trusted = authoritiesFile(authorities);
    files.set(trusted, authoritiesText(facts, authorities) ?? '');
    return `${file} [verify required ca-file ${trusted}]`;
  };
  const lines = [`${begin({ certificate: fallback, authorities: fallbackAuthorities })} ${NO_HOST}`];
  for (const [host, entry] of [...hosts].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const line = begin(entry);
    byLine.set(line, [...(byLine.get(line) ?? []), host]);
    guards.set(host, line.endsWith('[]') ? '-' : guardOf(entry.authorities));
  }
  for (const [line, all] of byLine)
    for (let at = 0; at < all.length; at += HOSTS_PER_LINE)
      lines.push(`${line} ${all.slice(at, at + HOSTS_PER_LINE).join(' ')}`);
  return { text: `${lines.join('\n')}\n`, files, guards };
}

/** Of two for one host: the one that is valid now, then the one that lasts longer. */
function isBetter(one: KnownCertificate, other: KnownCertificate, nowMs: number): boolean {
  const valid = ({ notBeforeMs, notAfterMs }: KnownCertificate): boolean =>
    notBeforeMs <= nowMs && nowMs < notAfterMs;
  if (valid(one) !== valid(other)) return valid(one);
  return one.notAfterMs > other.notAfterMs;
}

export function certificateFile({ name }: { readonly name: string }): string {
  return `${CERTIFICATES_DIR}/${fileName(name)}.pem`;
}

export function authoritiesFile(names: readonly string[]): string {
  return `${CERTIFICATES_DIR}/${fileName(guardOf(names))}.ca`;
}

/** Undefined: one of them is not known. */
function authoritiesText({ authorities }: TlsFacts, names: readonly string[]): string | undefined {
  const found = names.map((name) => authorities.find((each) => each.name === name)?.certificates);
  return found.includes(undefined) ? undefined : found.join('\n');
}

/** What cannot be a file's name in a configuration goes by its digest. */
function fileName(name: string): string {
  if (/^[A-Za-z0-9_-][A-Za-z0-9._-]{0,79}$/.test(name)) return name;
  return `_${createHash('sha256').update(name).digest('hex').slice(0, 32)}`;
}

/** May stand in a list: certificates of others may name anything. */
function isHost(name: string): boolean {
  return name.length <= 253 && /^(\*\.)?[a-z0-9_.-]+$/.test(name);
}
