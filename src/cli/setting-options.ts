import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import type { Command } from 'commander';
import { loadSettings, SettingsError, variableOf } from '../config/load-settings.js';
import { settingTable } from '../config/setting-table.js';
import type { Settings } from '../config/settings.js';
import { HostVolumeError, parseHostVolumes } from '../embedded-mesos/agent/decide/host-volumes.js';
import {
  parseAttributes,
  parseResources,
  ResourceTextError,
} from '../embedded-mesos/protocol/resource-text.js';

/** Flags that make sense for a command. */
export const agentFlags = [
  'work-dir',
  'address',
  'hostname',
  'agent-port',
  'resources',
  'attributes',
  'default-user',
  'allow-root-tasks',
  'isolation',
  'host-volumes',
  'fetch-limit-mib',
  'fetch-time-limit',
  'fetch-cache-mib',
  'ignore-disk-limits',
  'server',
  'token-file',
  'output-file-bytes',
  'output-files',
  'log-level',
  'log-format',
  'ready-file',
  'insecure',
  'authentication',
];
export const proxyFlags = [
  'work-dir',
  'lb-address',
  'lb-http-port',
  'lb-stats-port',
  'lb-https-port',
  'lb-certs',
  'lb-app-id-port',
  'lb-workers',
  'lb-timeouts',
  'lb-accept-proxy',
  'dns-port',
  'dns-http-port',
  'disable-dns',
  'dns-domain',
  'dns-ttl-seconds',
  'dns-resolvers',
  'hostname',
  'server',
  'token-file',
  'log-level',
  'log-format',
  'ready-file',
];
export const serverFlags = settingTable
  .map((entry) => entry.flag)
  .filter(
    (flag) =>
      ![
        'resources',
        'attributes',
        'agent-port',
        'server',
        'token-file',
        'default-user',
        'allow-root-tasks',
        'isolation',
        'host-volumes',
        'fetch-limit-mib',
        'fetch-time-limit',
        'fetch-cache-mib',
        'ignore-disk-limits',
        'lb-address',
        'lb-http-port',
        'lb-stats-port',
        'lb-https-port',
        'lb-certs',
        'lb-app-id-port',
        'lb-workers',
        'lb-timeouts',
        'lb-accept-proxy',
        'dns-port',
        'dns-http-port',
        'disable-dns',
        'dns-domain',
        'dns-ttl-seconds',
        'dns-resolvers',
        'output-file-bytes',
        'output-files',
      ].includes(flag),
  );
export const upFlags = settingTable
  .map((entry) => entry.flag)
  .filter((flag) => !['server', 'token-file'].includes(flag));

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

/** The settings of a command from its flags, the environment and the settings file. */
export function settingsOf(options: Readonly<Record<string, string | boolean | undefined>>): Settings {
  const flags: Record<string, string | boolean | undefined> = {};
  for (const entry of settingTable) {
    const camel = entry.flag.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
    flags[entry.flag] = options[camel];
  }
  const path = (options['config'] as string | undefined) ?? process.env['LONGRUN_CONFIG'];
  if (path !== undefined && !existsSync(path))
    throw new SettingsError(`the settings file ${path} does not exist`);
  const settings = loadSettings({
    flags,
    env: process.env,
    ...(path === undefined ? {} : { file: { path, text: readFileSync(path, 'utf8') } }),
    defaults: { root: process.getuid?.() === 0, env: process.env, home: homedir() },
  });
  // It is hashed now; no child process inherits the password.
  delete process.env[variableOf('http-credentials')];
  checkReadable('--token-file', settings.tokenFile);
  check('--resources', settings.resources, parseResources);
  check('--attributes', settings.attributes, parseAttributes);
  check('--host-volumes', settings.hostVolumes, parseHostVolumes);
  return settings;
}

/** A mistake in one of the agent's texts is told before anything starts, with the flag that it was given by. */
function check(flag: string, text: string | undefined, parse: (text: string) => unknown): void {
  if (text === undefined) return;
  try {
    parse(text);
  } catch (error) {
    if (error instanceof ResourceTextError || error instanceof HostVolumeError)
      throw new SettingsError(`${flag}: ${error.message}`);
    throw error;
  }
}

/** A file that somebody named must be there and ours to read before anything starts. */
function checkReadable(flag: string, path: string | undefined): void {
  if (path === undefined) return;
  try {
    accessSync(path, constants.R_OK);
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    throw new SettingsError(`${flag}: ${path} ${missing ? 'does not exist' : 'cannot be read by this user'}`);
  }
}
