import { type Command, Option } from 'commander';
import { act, type CommonOptions, common } from './add-rest-commands.js';
import { appUsage } from './usage-command.js';

/** Adds the command about what apps use. */
export function addUsageCommand(program: Command): void {
  common(program.command('usage'))
    .argument('<app>', 'id of an app')
    .description('show what an app uses beside what it asks for, and what it had better ask for')
    .addOption(
      new Option('-r, --resolution <length>', '10s: the last hour, 1m: the last day, 15m: the last 30 days')
        .choices(['10s', '1m', '15m'])
        .default('10s'),
    )
    .addHelpText('after', '\nExamples:\n  longrun usage /hello\n  longrun usage /hello -r 15m --json')
    .action((id: string, options: CommonOptions & { resolution: string }) =>
      act(options, (client, io) =>
        appUsage(client, io, { id, resolution: options.resolution, json: options.json }),
      ),
    );
}
