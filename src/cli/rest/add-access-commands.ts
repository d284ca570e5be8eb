import { type Command, InvalidArgumentError } from 'commander';
import { act, type CommonOptions, common } from './add-rest-commands.js';
import { audit } from './audit-command.js';
import { parseGrant, parseLife, tokenCreate, tokenList, tokenRevoke } from './token-commands.js';

type Grants = readonly ReturnType<typeof parseGrant>[];

function life(text: string): number {
  const seconds = parseLife(text);
  if (seconds === undefined) throw new InvalidArgumentError('Write it like 90d, 12h, 30m or 45s.');
  return seconds;
}

function wholeNumber(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('It must be a whole number, 0 or more.');
  return Number(text);
}

/** Adds the commands about who may do what, and who did: token ..., audit. */
export function addAccessCommands(program: Command): void {
  const token = program
    .command('token')
    .description('make, list and revoke tokens for people and programs')
    .addHelpText(
      'after',
      '\nExample:\n  longrun token create --help        which rights there are, with examples',
    );
  common(token.command('create'))
    .argument('<name>', 'who or what will use it, e.g. ci-shop')
    .requiredOption(
      '--grant <right:path>',
      'view, deploy, exec or admin, on a group and everything below it; repeatable',
      (text: string, grants: Grants | undefined) => [...(grants ?? []), parseGrant(text)],
    )
    .option('--expires <time>', 'refuse it after so long: 90d, 12h, 30m (default: never)', life)
    .description('make a token; its secret is printed once and stored nowhere')
    .addHelpText(
      'after',
      `
Examples:
  longrun token create ci-shop --grant deploy:/shop --expires 90d
  longrun token create prometheus --grant view:/ > /etc/prometheus/longrun.token
admin includes all rights, deploy and exec include view. admin:/ also covers tokens, audit trail and the server itself.`,
    )
    .action((name: string, options: CommonOptions & { grant: Grants; expires?: number }) =>
      act(options, (client, io) =>
        tokenCreate(client, io, {
          name,
          grants: options.grant,
          expiresInSeconds: options.expires,
          json: options.json,
        }),
      ),
    );
  common(token.command('list'))
    .alias('ls')
    .description('list the tokens, without secrets')
    .addHelpText('after', '\nExample:\n  longrun token list')
    .action((options: CommonOptions) => act(options, (client, io) => tokenList(client, io, options)));
  common(token.command('revoke'))
    .argument('<token>', 'name or id of a token')
    .description('refuse a token from now on; its event streams end at once')
    .addHelpText('after', '\nExample:\n  longrun token revoke ci-shop')
    .action((name: string, options: CommonOptions) =>
      act(options, (client, io) => tokenRevoke(client, io, { ...options, name })),
    );
  common(program.command('audit'))
    .description('show who changed what, when and from where, refused attempts included')
    .option('-n, --lines <count>', 'at most so many', wholeNumber, 50)
    .option('--who <name>', 'only by this token, user or operator')
    .option('--app <id>', 'only what touched this app, or apps of this group')
    .option('--after <number>', 'only entries after this one, oldest first', wholeNumber)
    .addHelpText(
      'after',
      '\nExamples:\n  longrun audit\n  longrun audit --app /shop --who ci-shop -n 10\n  longrun audit --json --after 1200      one entry a line, to ship them elsewhere',
    )
    .action((options: CommonOptions & { lines: number; who?: string; app?: string; after?: number }) =>
      act(options, (client, io) =>
        audit(client, io, {
          lines: options.lines,
          who: options.who,
          app: options.app,
          after: options.after,
          json: options.json,
        }),
      ),
    );
}
