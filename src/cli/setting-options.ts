import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname } from 'node:path';
import type { Command } from 'commander';
import { loadSettings, SettingsError, settingNames, variableOf } from '../config/load-settings.js';
import { settingTable } from '../config/setting-table.js';
import type { Settings } from '../config/settings.js';
import { HostVolumeError, parseHostVolumes } from '../embedded-mesos/agent/decide/host-volumes.js';
import {
  parseAttributes,
  parseResources,
  ResourceTextError,
} from '../embedded-mesos/protocol/resource-text.js';
import { userExists } from './user-exists.js';

/** What every process of longrun reads; whom to join. */
const ofAll = ['work-dir', 'hostname', 'log-level', 'log-format', 'ready-file'];
const ofJoining = ['server', 'token-file'];

/** What agents alone read, and load balancers alone. */
const ofAgents = [
  'agent-port',
  'resources',
  'attributes',
  'default-user',
  'allow-root-tasks',
  'isolation',
  'docker-socket',
  'docker-config',
  'docker-allow-privileged',
  'docker-allow-parameters',
  'host-volumes',
  'fetch-limit-mib',
  'fetch-time-limit',
  'fetch-cache-mib',
  'ignore-disk-limits',
  'exec-idle-minutes',
  'output-file-bytes',
  'output-files',
];
const ofBalancers = [
  'haproxy-path',
  'lb-address',
  'lb-http-port',
  'lb-stats-port',
  'lb-https-port',
  'lb-certs',
  'lb-app-id-port',
  'lb-workers',
  'lb-group',
  'lb-timeouts',
  'lb-accept-proxy',
  'lb-access-log',
  'lb-access-log-to',
  'lb-access-log-mib',
  'lb-access-log-files',
  'lb-log-query',
  'lb-omit-server-metrics',
  'lb-raw-labels',
  'dns-port',
  'dns-http-port',
  'disable-dns',
  'dns-domain',
  'dns-ttl-seconds',
  'dns-resolvers',
];

/** Flags that make sense for a command. The server reads `lb`, too: not every load balancer can do everything. */
export const agentFlags = [...ofAll, 'address', ...ofAgents, ...ofJoining, 'insecure', 'authentication'];
export const proxyFlags = [...ofAll, 'lb', ...ofBalancers, ...ofJoining];
export const serverFlags = settingTable
  .map((entry) => entry.flag)
  .filter((flag) => ![...ofAgents, ...ofBalancers, ...ofJoining].includes(flag));
export const upFlags = settingTable.map((entry) => entry.flag).filter((flag) => !ofJoining.includes(flag));

/** Adds the flags of these settings, with their defaults and variables, to a command's help. */
export function addSettings(command: Command, flags: readonly string[]): Command {
  for (const entry of settingTable) {
    if (!flags.includes(entry.flag)) continue;
    const fallback = entry.fallback({ root: process.getuid?.() === 0, env: process.env, home: homedir() });
    const shown =
      fallback === undefined || fallback === '' || fallback === false
        ? ''
        : typeof fallback === 'object'
          ? 'min' in fallback
            ? ` (default: ${fallback.min}-${fallback.max})`
            : ''
          : ` (default: ${String(fallback)})`;
    const value = entry.kind.kind === 'flag' ? '' : entry.kind.kind === 'port' ? ' <port>' : ' <value>';
    command.option(`--${entry.flag}${value}`, `${entry.help}${shown} [${variableOf(entry.flag)}]`);
  }
  return command.option(
    '--config <file>',
    'YAML or JSON file with settings, keys as the flags [LONGRUN_CONFIG]',
  );
}

/**
 * The settings of a command from its flags, the environment and the settings file. What is wrong with them is told before
 * anything starts: throws SettingsError.
 *
 * @param runsTasks whether the command runs tasks, so that as root there must be a user for them
 */
export function settingsOf(
  options: Readonly<Record<string, string | boolean | undefined>>,
  runsTasks = false,
): Settings {
  const flags: Record<string, string | boolean | undefined> = {};
  for (const entry of settingTable) {
    const camel = entry.flag.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
    flags[entry.flag] = options[camel];
  }
  const path = (options['config'] as string | undefined) ?? process.env['LONGRUN_CONFIG'];
  if (path !== undefined && !existsSync(path))
    throw new SettingsError(`the settings file ${path} does not exist`);
  const sources = {
    flags,
    env: process.env,
    ...(path === undefined ? {} : { file: { path, text: readFileSync(path, 'utf8') } }),
    defaults: { root: process.getuid?.() === 0, env: process.env, home: homedir() },
  };
  const settings = loadSettings(sources);
  const named = settingNames(sources);
  // It is hashed now; no child process inherits the password.
  delete process.env[variableOf('http-credentials')];
  checkReadable(named('token-file'), settings.tokenFile);
  check(named('resources'), settings.resources, parseResources);
  check(named('attributes'), settings.attributes, parseAttributes);
  check(named('host-volumes'), settings.hostVolumes, parseHostVolumes);
  checkFolderOf(named('ready-file'), settings.readyFile);
  if (runsTasks && process.getuid?.() === 0 && !userExists(settings.defaultUser))
    throw new SettingsError(
      `${named('default-user')} '${settings.defaultUser}' is no user of this machine; name one that is, tasks run as it`,
    );
  return settings;
}

/** A mistake in one of the agent's texts is told before anything starts, with where it was given. */
function check(where: string, text: string | undefined, parse: (text: string) => unknown): void {
  if (text === undefined) return;
  try {
    parse(text);
  } catch (error) {
    if (error instanceof ResourceTextError || error instanceof HostVolumeError)
      throw new SettingsError(`${where}: ${error.message}`);
    throw error;
  }
}

/** A file that somebody named must be there and ours to read before anything starts. */
function checkReadable(where: string, path: string | undefined): void {
  if (path === undefined) return;
  try {
    accessSync(path, constants.R_OK);
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    throw new SettingsError(
      `${where}: ${path} ${missing ? 'does not exist' : 'cannot be read by this user'}`,
    );
  }
}

/** A file that will be written once everything is up needs a folder: told before anything starts. */
function checkFolderOf(where: string, path: string | undefined): void {
  if (path === undefined || existsSync(dirname(path))) return;
  throw new SettingsError(`${where}: the folder ${dirname(path)} does not exist`);
}
