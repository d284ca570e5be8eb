import { type Command, InvalidArgumentError, Option } from 'commander';
import { act, type CommonOptions, common } from './add-rest-commands.js';
import { appHistory, deploymentList, deploymentShow } from './history-commands.js';

function count(text: string): number {
  const value = /^\d{1,3}$/.test(text) ? Number(text) : 0;
  if (value < 1 || value > 200) throw new InvalidArgumentError('It must be a whole number from 1 to 200.');
  return value;
}

/** Adds the commands about what was: history, deployment ... */
export function addHistoryCommands(program: Command): void {
  common(program.command('history'))
    .argument('<app>', 'id of an app')
    .description('show which tasks of an app ended, when and why, and what they wrote last')
    .option('-n, --tasks <count>', 'at most so many', count, 20)
    .option('--output', 'the last lines of each of them, not only of the newest', false)
    .addHelpText('after', '\nExamples:\n  longrun history /hello\n  longrun history /hello -n 3 --output')
    .action((id: string, options: CommonOptions & { tasks: number; output: boolean }) =>
      act(options, (client, io) =>
        appHistory(client, io, { id, tasks: options.tasks, output: options.output, json: options.json }),
      ),
    );
  const deployment = program
    .command('deployment')
    .description('look at deployments, those that are over included');
  common(deployment.command('list'))
    .description('list deployments: running ones first, then the newest')
    .addOption(
      new Option('--state <state>', 'only these').choices(['running', 'finished', 'all']).default('all'),
    )
    .option('-n, --limit <count>', 'at most so many that are over', count, 20)
    .addHelpText('after', '\nExample:\n  longrun deployment list --state finished')
    .action((options: CommonOptions & { state: string; limit: number }) =>
      act(options, (client, io) =>
        deploymentList(client, io, { state: options.state, limit: options.limit, json: options.json }),
      ),
    );
  common(deployment.command('show'))
    .argument('<deployment>', 'id of a deployment')
    .description('show one deployment, and what each instance waited for')
    .addHelpText('after', '\nExample:\n  longrun deployment show 2d0be1c5-a3a4-4f1b-9a3e-d0a39b1f5b3e')
    .action((id: string, options: CommonOptions) =>
      act(options, (client, io) => deploymentShow(client, io, { id, json: options.json })),
    );
}
