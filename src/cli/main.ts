import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { Command, CommanderError } from 'commander';
import { loadSettings, SettingsError, variableOf } from '../config/load-settings.js';
import { settingTable } from '../config/setting-table.js';
import type { Settings } from '../config/settings.js';
import { entries } from './entries.js';

/** Flags that make sense for a command. */
const agentFlags = ['work-dir', 'address', 'hostname', 'agent-port', 'resources', 'attributes', 'default-user', 'allow-root-tasks', 'server', 'token-file', 'output-file-bytes', 'output-files', 'log-level', 'log-format', 'ready-file', 'insecure'];
const proxyFlags = ['work-dir', 'lb-address', 'lb-http-port', 'lb-stats-port', 'lb-workers', 'hostname', 'server', 'token-file', 'log-level', 'log-format', 'ready-file'];
const serverFlags = settingTable.map((entry) => entry.flag).filter((flag) => !['resources', 'attributes', 'agent-port', 'server', 'token-file', 'default-user', 'allow-root-tasks', 'lb-workers'].includes(flag));
const upFlags = settingTable.map((entry) => entry.flag).filter((flag) => !['server', 'token-file'].includes(flag));

function addSettings(command: Command, flags: readonly string[]): Command {
  for (const entry of settingTable) {
    if (!flags.includes(entry.flag)) continue;
    const fallback = entry.fallback({ root: process.getuid?.() === 0, env: process.env, home: homedir() });
    const shown = fallback === undefined || fallback === '' || fallback === false ? '' : typeof fallback === 'object' ? ` (default: ${fallback.min}-${fallback.max})` : ` (default: ${String(fallback)})`;
    const value = entry.kind.kind === 'flag' ? '' : entry.kind.kind === 'port' ? ' <port>' : ' <value>';
    command.option(`--${entry.flag}${value}`, `${entry.help}${shown} [${variableOf(entry.flag)}]`);
  }
  return command.option('--config <file>', 'YAML or JSON file with settings, keys as the flags [LONGRUN_CONFIG]');
}

/** The settings of a command from its flags, the environment and the settings file. */
export function settingsOf(options: Readonly<Record<string, string | boolean | undefined>>): Settings {
  const flags: Record<string, string | boolean | undefined> = {};
  for (const entry of settingTable) {
    const camel = entry.flag.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
    flags[entry.flag] = options[camel];
  }
  const path = (options['config'] as string | undefined) ?? process.env['LONGRUN_CONFIG'];
  if (path !== undefined && !existsSync(path)) throw new SettingsError(`the settings file ${path} does not exist`);
  return loadSettings({
    flags,
    env: process.env,
    ...(path === undefined ? {} : { file: { path, text: readFileSync(path, 'utf8') } }),
    defaults: { root: process.getuid?.() === 0, env: process.env, home: homedir() },
  });
}

/** Version of this package. */
export function packageVersion(): string {
  return (JSON.parse(readFileSync(entries.package, 'utf8')) as { version: string }).version;
}

async function program(): Promise<Command> {
  const root = new Command('longrun')
    .description('Keeps services running on one machine or many: post app JSON, scale it, reach it through the load balancer.')
    .version(packageVersion())
    .showHelpAfterError('(longrun --help lists the commands)')
    .exitOverride()
    .addHelpText(
      'after',
      `
Examples:
  longrun up                                   everything on this machine
  longrun app run examples/hello.json          start an app and watch it come up
  longrun app scale /hello 4                   four copies
  longrun why /hello                           what it waits for
  longrun logs -f /hello                       its output
  longrun agent --server http://a:5050 --token-file token --hostname b    join another machine`,
    );
  const { addRunCommands } = await import('./run-commands.js');
  addRunCommands(root, { addSettings, upFlags, serverFlags, agentFlags, proxyFlags });
  const { addRestCommands } = await import('./rest/add-rest-commands.js');
  addRestCommands(root);
  const { addHostCommands } = await import('./host-commands.js');
  addHostCommands(root, addSettings);
  return root;
}

/** The command line. Sets the exit code; never throws. */
export async function main(argv: readonly string[]): Promise<void> {
  try {
    await (await program()).parseAsync([...argv]);
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode;
    } else if (error instanceof SettingsError) {
      process.stderr.write(`${error.message}\n`);
      process.exitCode = 2;
    } else {
      process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
      process.exitCode = 1;
    }
  }
}
