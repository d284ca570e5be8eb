import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { resolve } from 'node:path';
import { parse as parseYaml } from 'yaml';
import { hashPassword, type PasswordHash } from '../util/password-hash.js';
import { blockList, isAddressBlock } from './address-blocks.js';
import { readTimeouts, timeoutNames } from './balancer-timeouts.js';
import { readLogTarget } from './log-target.js';
import { isOrigin, originList } from './origins.js';
import { parseResolver, resolverList } from './resolvers.js';
import type { DefaultsContext, SettingEntry } from './setting-entry.js';
import { machineName, settingTable } from './setting-table.js';
import type { Settings } from './settings.js';

/** A setting is unknown or wrong. The message says which, where it came from, and what is allowed. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';
}

/** Where values come from, strongest first. `file` is the text of the optional settings file. */
export interface SettingSources {
  /** By flag name without dashes; commander's raw values. */
  readonly flags: Readonly<Record<string, string | boolean | undefined>>;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly file?: { readonly path: string; readonly text: string };
  readonly defaults: DefaultsContext;
}

/** Variables of ours that are not settings of `up`, server, agent or proxy. */
/** What tasks are told of their surroundings; a longrun in a task is not set by them. */
const TASK_VARIABLES = /^LONGRUN_TASK_(LB|DNS)/;
const OTHER_VARIABLES = new Set(['LONGRUN_CONFIG', 'LONGRUN_URL', 'LONGRUN_TOKEN']);

/** The name of a setting's environment variable: `http-port` is LONGRUN_HTTP_PORT. */
export function variableOf(flag: string): string {
  return `LONGRUN_${flag.toUpperCase().replaceAll('-', '_')}`;
}

/** Flags, then variables, then the file, then defaults. Throws SettingsError with a sentence. */
export function loadSettings(sources: SettingSources): Settings {
  const file = readFile(sources.file);
  refuseUnknownVariables(sources.env);
  const settings: Record<string, unknown> = {};
  for (const entry of settingTable) {
    const value = givenValue(entry, sources, file) ?? entry.fallback(sources.defaults);
    if (value !== undefined) settings[entry.name] = value;
  }
  return finished(settings as unknown as Settings, (flag) => whereGiven(flag, sources, file));
}

/**
 * How a person gave a setting: `--http-port`, `LONGRUN_HTTP_PORT` or `settings.yaml: http-port`; by its flag when nobody did.
 */
export function settingNames(sources: SettingSources): (flag: string) => string {
  const file = readFile(sources.file);
  return (flag) => whereGiven(flag, sources, file);
}

function whereGiven(flag: string, sources: SettingSources, file: Readonly<Record<string, unknown>>): string {
  if (sources.flags[flag] !== undefined) return `--${flag}`;
  if (sources.env[variableOf(flag)] !== undefined) return variableOf(flag);
  return file[flag] !== undefined && file[flag] !== null ? `${sources.file?.path}: ${flag}` : `--${flag}`;
}

/** What holds between settings, and of texts; `named` tells how a person gave one. */
function finished(settings: Settings, named: (flag: string) => string): Settings {
  const hostname =
    settings.hostname || (isLoopback(settings.address) ? hostOf(settings.address) : machineName());
  const { min, max } = settings.servicePorts;
  if (min > max)
    throw new SettingsError(
      `${named('service-ports')} ${min}-${max}: the first port must not be above the last`,
    );
  for (const [flag, address] of [
    ['address', settings.address],
    ['lb-address', settings.lbAddress],
  ] as const) {
    if (address !== 'localhost' && isIP(address) === 0) {
      throw new SettingsError(
        `${named(flag)} '${address}' is not an IP address; give one of this machine's, or 0.0.0.0 for all`,
      );
    }
  }
  for (const origin of originList(settings.accessControlAllowOrigin)) {
    if (!isOrigin(origin)) {
      throw new SettingsError(
        `${named('access-control-allow-origin')} '${origin}' is not an origin; write https://name or https://name:port, or * for all`,
      );
    }
  }
  if (!isLoopback(settings.address) && !authenticationRequired(settings) && !settings.insecure) {
    throw new SettingsError(
      `${named('address')} ${settings.address} is reachable from other machines and --authentication is off; leave that away, keep 127.0.0.1, or say --insecure if everybody who reaches it may do everything`,
    );
  }
  if (!/^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/.test(settings.dnsDomain))
    throw new SettingsError(
      `${named('dns-domain')} '${settings.dnsDomain}' is not a domain; write labels of lower case letters, digits and hyphens, e.g. mesos`,
    );
  for (const resolver of resolverList(settings.dnsResolvers)) {
    if (!parseResolver(resolver))
      throw new SettingsError(
        `${named('dns-resolvers')} '${resolver}' is not an address; write e.g. 10.0.0.2,10.0.0.3:5353, or none`,
      );
  }
  const unread = readTimeouts(settings.lbTimeouts);
  if (typeof unread === 'string')
    throw new SettingsError(
      `${named('lb-timeouts')} '${unread}' is no time limit; write name=length with one of ${timeoutNames.join(', ')} and e.g. 500ms, 30s, 5m, 1h`,
    );
  const noBlock = blockList(settings.lbAcceptProxy).find((block) => !isAddressBlock(block));
  if (noBlock !== undefined)
    throw new SettingsError(
      `${named('lb-accept-proxy')} '${noBlock}' is neither an address nor a block of them; write e.g. 10.0.0.0/8,192.168.1.7`,
    );
  if (readLogTarget(settings.lbAccessLogTo) === undefined)
    throw new SettingsError(
      `${named('lb-access-log-to')} '${settings.lbAccessLogTo}' is no place for a log; write file, stdout or syslog://127.0.0.1:514`,
    );
  if (settings.lb === 'haproxy' && settings.lbAccessLog !== 'off')
    throw new SettingsError(
      `${named('lb-access-log')} ${settings.lbAccessLog}: HAProxy as the load balancer (--lb haproxy) keeps no access log; say off, or --lb builtin`,
    );
  if (settings.lbAcme !== undefined && !settings.lbAcmeAgreeTos)
    throw new SettingsError(
      '--lb-acme needs --lb-acme-agree-tos: certificates are only given to those who agree to the terms of service',
    );
  if (settings.lbAcme !== undefined && !isWebAddress(settings.lbAcme))
    throw new SettingsError(
      `${named('lb-acme')} '${settings.lbAcme}' is not the directory of a certificate authority; write it like https://acme-v02.api.letsencrypt.org/directory`,
    );
  if (settings.server !== undefined && !isWebAddress(settings.server))
    throw new SettingsError(
      `${named('server')} '${settings.server}' is not the address of a server's master port; write it like http://10.0.0.1:5050`,
    );
  if ((settings.tlsCert === undefined) !== (settings.tlsKey === undefined))
    throw new SettingsError('--tls-cert and --tls-key belong together; give both');
  if (!isReachableName(hostname))
    throw new SettingsError(
      `${named('hostname')} '${hostname}' is neither a host name nor an IP address; write e.g. worker-1.example or 10.0.0.2`,
    );
  return {
    ...settings,
    hostname,
    // Parts of longrun run in other folders than the one that it was started in.
    workDir: resolve(settings.workDir),
  };
}

function isWebAddress(text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);
}

/** Underscores are no letters of host names, and yet there are machines called so. */
function isReachableName(name: string): boolean {
  return isIP(name) !== 0 || (name.length <= 253 && /^[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?\.?$/i.test(name));
}

function hostOf(address: string): string {
  return address;
}

/** Whether callers of the API (and readers of the master's and agents' ports) must say who they are. */
export function authenticationRequired(
  settings: Pick<Settings, 'authentication' | 'httpCredentials' | 'address' | 'insecure'>,
): boolean {
  if (settings.authentication !== 'auto') return settings.authentication === 'required';
  return settings.httpCredentials !== undefined || (!isLoopback(settings.address) && !settings.insecure);
}

/** True for addresses only this machine reaches. */
export function isLoopback(address: string): boolean {
  return address === 'localhost' || address === '::1' || /^127\./.test(address);
}

function readFile(file: SettingSources['file']): Readonly<Record<string, unknown>> {
  if (!file) return {};
  let parsed: unknown;
  try {
    parsed = parseYaml(file.text);
  } catch (error) {
    throw new SettingsError(
      `${file.path} is neither YAML nor JSON: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  if (parsed === null || parsed === undefined) return {};
  if (typeof parsed !== 'object' || Array.isArray(parsed))
    throw new SettingsError(`${file.path} must hold a map of settings`);
  const known = new Set(settingTable.map((entry) => entry.flag));
  for (const key of Object.keys(parsed)) {
    if (!known.has(key))
      throw new SettingsError(`${file.path}: unknown setting '${key}'${nearest(key, known)}`);
  }
  return parsed as Record<string, unknown>;
}

function refuseUnknownVariables(env: SettingSources['env']): void {
  const known = new Set(settingTable.map((entry) => variableOf(entry.flag)));
  for (const name of Object.keys(env)) {
    if (TASK_VARIABLES.test(name) || OTHER_VARIABLES.has(name)) continue;
    if (name.startsWith('LONGRUN_') && !known.has(name)) {
      throw new SettingsError(`unknown environment variable ${name}${nearest(name, known)}`);
    }
  }
}

function givenValue(
  entry: SettingEntry,
  sources: SettingSources,
  file: Readonly<Record<string, unknown>>,
): unknown {
  const fromFlag = sources.flags[entry.flag];
  if (fromFlag !== undefined) return read(entry, fromFlag, `--${entry.flag}`);
  const variable = variableOf(entry.flag);
  const fromEnv = sources.env[variable];
  if (fromEnv !== undefined) return read(entry, fromEnv, variable);
  const fromFile = file[entry.flag];
  if (fromFile !== undefined && fromFile !== null)
    return read(entry, fromFile, `${sources.file?.path}: ${entry.flag}`);
  return undefined;
}

function read(entry: SettingEntry, raw: unknown, where: string): unknown {
  const wrong = (allowed: string): never => {
    throw new SettingsError(`${where} '${String(raw)}' is not allowed: ${allowed}`);
  };
  const { kind } = entry;
  switch (kind.kind) {
    case 'text':
      return typeof raw === 'string' || typeof raw === 'number' ? String(raw) : wrong('give a text');
    case 'flag':
      if (raw === true || raw === 'true' || raw === '1') return true;
      if (raw === false || raw === 'false' || raw === '0' || raw === '') return false;
      return wrong('give true or false');
    case 'port':
      return wholeNumber(raw, 0, 65_535) ?? wrong('give a port from 1 to 65535, or 0 for any free one');
    case 'whole':
      return (
        wholeNumber(raw, kind.min, kind.max) ?? wrong(`give a whole number from ${kind.min} to ${kind.max}`)
      );
    case 'port-range': {
      const match = /^(\d{1,5})-(\d{1,5})$/.exec(String(raw).trim());
      const min = wholeNumber(match?.[1], 1, 65_535);
      const max = wholeNumber(match?.[2], 1, 65_535);
      return min !== undefined && max !== undefined
        ? { min, max }
        : wrong('give FIRST-LAST, for example 10000-20000');
    }
    case 'credentials':
      return credentials(String(raw), where);
    case 'one-of':
      return kind.values.includes(String(raw)) ? String(raw) : wrong(`give one of ${kind.values.join(', ')}`);
  }
}

/** Errors here never show the value. */
function credentials(raw: string, where: string): PasswordHash {
  let text = raw;
  if (raw.startsWith('@')) {
    try {
      text = readFileSync(raw.slice(1), 'utf8').replace(/\r?\n$/, '');
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new SettingsError(`${where}: the file cannot be read (${why})`);
    }
  }
  const colon = text.indexOf(':');
  if (colon < 1 || colon === text.length - 1 || /[\r\n]/.test(text))
    throw new SettingsError(`${where} is not allowed: give user:password, or @FILE with that one line`);
  return hashPassword(text.slice(0, colon), text.slice(colon + 1));
}

function wholeNumber(raw: unknown, min: number, max: number): number | undefined {
  const textual = typeof raw === 'number' ? String(raw) : raw;
  if (typeof textual !== 'string' || !/^\d+$/.test(textual.trim())) return undefined;
  const value = Number(textual);
  return Number.isSafeInteger(value) && value >= min && value <= max ? value : undefined;
}

/** ` (did you mean 'x'?)` for a near miss, else what there is. */
function nearest(name: string, known: ReadonlySet<string>): string {
  let best: string | undefined;
  let bestDistance = 4;
  for (const candidate of known) {
    const d = distance(name, candidate);
    if (d < bestDistance) {
      best = candidate;
      bestDistance = d;
    }
  }
  return best ? `; did you mean '${best}'?` : `; known are: ${[...known].join(', ')}`;
}

/** Levenshtein distance. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substitution, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
