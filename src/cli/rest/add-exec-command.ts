import type { Command } from 'commander';
import { act, type CommonOptions, common } from './add-rest-commands.js';
import { exec } from './exec-command.js';

/** Adds the command that runs a program in a task. */
export function addExecCommand(program: Command): void {
  common(program.command('exec'))
    .argument('<task-or-app>', 'a task id, or an app id for a running task of it')
    .argument('<command...>', 'the program and its arguments, after `--`')
    .description('run a program in a running task, as its user')
    .option('-i, --stdin', 'pass standard input on', false)
    .option('-t, --tty', 'on a terminal', false)
    .addHelpText(
      'after',
      '\nExamples:\n  longrun exec /hello -- ps aux\n  longrun exec -it /hello -- bash\n  longrun exec -i /db -- psql <dump.sql\n\nThe exit code is that of the program.',
    )
    .action(
      (target: string, argv: readonly string[], options: CommonOptions & { stdin: boolean; tty: boolean }) =>
        act(options, (client, io) =>
          exec(client, io, { target, argv, input: options.stdin, terminal: options.tty }),
        ),
    );
}
