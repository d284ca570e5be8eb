import { Command, CommanderError } from 'commander';
import { SettingsError } from '../config/load-settings.js';
import { outliveOutput } from '../util/outlive-output.js';
import { packageVersion } from './entries.js';

/** The command line itself was wrong: an unknown flag, a missing argument, a setting that is not allowed. */
const USAGE_EXIT_CODE = 2;

/** Descriptions are wrapped beside their flags as long as they get so many columns: also on a terminal of 80. */
const HELP_MIN_COLUMNS = 24;

async function program(): Promise<Command> {
  const root = new Command('longrun')
    .description(
      'Keeps services running on one machine or many: post app JSON, scale it, reach it through the load balancer.',
    )
    .version(packageVersion())
    .showHelpAfterError('(longrun --help lists the commands)')
    .configureHelp({ minWidthToWrap: HELP_MIN_COLUMNS })
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
  longrun agent --server http://a:5050 --token-file token --hostname b    join another machine

Exit codes: 0 done, 1 refused or no server, ${USAGE_EXIT_CODE} wrong use, 3 the deployment failed, 4 it still runs.`,
    );
  const { addRunCommands } = await import('./run-commands.js');
  addRunCommands(root);
  const { addRestCommands } = await import('./rest/add-rest-commands.js');
  addRestCommands(root);
  const { addAccessCommands } = await import('./rest/add-access-commands.js');
  addAccessCommands(root);
  const { addSecretCommands } = await import('./rest/add-secret-commands.js');
  addSecretCommands(root);
  const { addCertificateCommands } = await import('./rest/add-certificate-commands.js');
  addCertificateCommands(root);
  const { addHistoryCommands } = await import('./rest/add-history-commands.js');
  addHistoryCommands(root);
  const { addUsageCommand } = await import('./rest/add-usage-command.js');
  addUsageCommand(root);
  const { addExecCommand } = await import('./rest/add-exec-command.js');
  addExecCommand(root);
  const { addImportCommand } = await import('./rest/add-import-command.js');
  addImportCommand(root);
  const { addHostCommands } = await import('./host-commands.js');
  addHostCommands(root);
  return root;
}

/** The command line. Sets the exit code; never throws. */
export async function main(argv: readonly string[]): Promise<void> {
  // Who reads our output, `head` say, may have had enough: help then ends early, and services run on unheard.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') return;
    process.stderr.write(`error: the output cannot be written: ${error.message}\n`);
    process.exitCode = 1;
  });
  outliveOutput([process.stderr]);
  try {
    await (await program()).parseAsync([...argv]);
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? 0 : USAGE_EXIT_CODE;
    } else if (error instanceof SettingsError) {
      process.stderr.write(`error: ${error.message}\n`);
      process.exitCode = USAGE_EXIT_CODE;
    } else {
      process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
      process.exitCode = 1;
    }
  }
}
