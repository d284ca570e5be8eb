import { type Command, InvalidArgumentError, Option } from 'commander';
import { isWellFormedPath, resolvePath } from '../../apps/path.js';
import { entries } from '../entries.js';
import { act, type ChangeOptions, changing } from './add-rest-commands.js';
import { INCOMPLETE, importFrom } from './import-command.js';

interface ImportOptions extends ChangeOptions {
  readonly group: string;
  readonly oneByOne: boolean;
  readonly replace: boolean;
  readonly stopped: boolean;
  readonly aside?: string;
  readonly user?: string;
  readonly sourceAuthorization?: string;
  readonly insecureTls: boolean;
}

function groupPath(text: string): string {
  const path = resolvePath(text);
  if (path !== '/' && !isWellFormedPath(path))
    throw new InvalidArgumentError('Write it like /shop or /shop/web.');
  return path;
}

/** Adds the command that takes the apps of another Marathon: import. */
export function addImportCommand(program: Command): void {
  changing(program.command('import'))
    .argument(
      '<marathon>',
      'where the old Marathon (or another longrun) answers, e.g. http://old-marathon:8080',
    )
    .description('take apps and groups from a live Marathon, and say what of them is honoured')
    .option('--group <path>', 'only this group and what lies in it', groupPath, '/')
    .option('--stopped', 'import with 0 instances: start nothing yet', false)
    .option('--one-by-one', 'a deployment for each app instead of one for all', false)
    .option('--replace', 'replace apps that are here with another definition', false)
    .option('--aside <file>', 'file for what cannot be imported (default: longrun-import-HOST-PORT.json)')
    .addOption(
      new Option('--user <name:password>', 'for the old Marathon: basic authentication').env('MARATHON_USER'),
    )
    .addOption(
      new Option(
        '--source-authorization <value>',
        'for the old Marathon: value of the Authorization header, e.g. token=...',
      ).env('MARATHON_AUTHORIZATION'),
    )
    .option('--insecure-tls', 'for the old Marathon: take any certificate', false)
    .addHelpText(
      'after',
      `
Nothing is changed at the source and nothing is removed here. What is here already as it is there is left alone, so an import
that was interrupted is finished by the same command. --url and --token mean the longrun that imports.

Examples:
  longrun import http://old-marathon:8080 --dry-run
  longrun import http://old-marathon:8080 --group /shop --stopped
  MARATHON_AUTHORIZATION="token=$(cat token)" longrun import https://dcos/marathon --insecure-tls --json

Exit codes: 0 all is here, 1 refused or no server, 2 wrong use, 3 a deployment failed, 4 it still runs,
${INCOMPLETE} done, but something was kept aside or is in conflict.`,
    )
    .action((url: string, options: ImportOptions) => {
      const { user, sourceAuthorization: authorization, insecureTls } = options;
      return act(options, (client, io) =>
        importFrom(client, io, {
          source: { url, user, authorization, insecureTls },
          group: options.group,
          dryRun: options.dryRun,
          oneByOne: options.oneByOne,
          replace: options.replace,
          stopped: options.stopped,
          force: options.force,
          aside: options.aside,
          wait: options.wait,
          timeoutSeconds: options.timeout,
          json: options.json,
          contract: { file: entries.contract, compiled: entries.compiledContract },
        }),
      );
    });
}
