import { readFile } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import type { Command } from 'commander';
import { act, type CommonOptions, common } from './add-rest-commands.js';
import { RestError } from './rest-client.js';
import { secretList, secretRemove, secretRotateKey, secretSet } from './secret-commands.js';

/** From standard input one final newline is taken off: `echo`, and people, end with one. A file is taken as it is. */
async function valueFrom(file: string | undefined): Promise<Buffer> {
  if (file !== undefined) {
    try {
      return await readFile(file);
    } catch (error) {
      throw new RestError(
        `${file} cannot be read: ${(error as Error).message}`,
        'Name a file that you may read.',
        0,
      );
    }
  }
  if (process.stdin.isTTY) process.stderr.write('value, then Ctrl-D: ');
  const given = await buffer(process.stdin);
  return given.at(-1) === 0x0a ? given.subarray(0, -1) : given;
}

/** Adds `secret ...`: what only tasks may read. Values never stand on a command line, which everybody on a host can see. */
export function addSecretCommands(program: Command): void {
  const secret = program
    .command('secret')
    .description('set, list and remove secrets, which only tasks can read')
    .addHelpText('after', '\nExample:\n  longrun secret set --help        how apps get them');
  common(secret.command('set'))
    .argument('<path>', 'absolute; the apps of its group, and of those below, may use it')
    .option('-f, --file <file>', 'take the value from this file, as it is (default: standard input)')
    .description('make a secret, or give it another value; apps that use it are restarted')
    .addHelpText(
      'after',
      `
Examples:
  printf %s "$PASSWORD" | longrun secret set /shop/db-password
  longrun secret set /shop/tls-key --file key.pem
In the definition of /shop/web:
  "secrets": {"db": {"source": "/shop/db-password"}}, "env": {"DB_PASSWORD": {"secret": "db"}}`,
    )
    .action((path: string, options: CommonOptions & { file?: string }) =>
      act(options, async (client, io) =>
        secretSet(client, io, { path, value: await valueFrom(options.file), json: options.json }),
      ),
    );
  common(secret.command('list'))
    .alias('ls')
    .description('list the secrets and who uses them, never their values')
    .addHelpText('after', '\nExample:\n  longrun secret list')
    .action((options: CommonOptions) => act(options, (client, io) => secretList(client, io, options)));
  common(secret.command('rm'))
    .argument('<path>', 'of a secret that no app uses')
    .description('remove a secret')
    .addHelpText('after', '\nExample:\n  longrun secret rm /shop/db-password')
    .action((path: string, options: CommonOptions) =>
      act(options, (client, io) => secretRemove(client, io, { path, json: options.json })),
    );
  common(secret.command('rotate-key'))
    .description('encrypt all secrets with a new key; values stay, nothing is restarted')
    .addHelpText('after', '\nExample:\n  longrun secret rotate-key')
    .action((options: CommonOptions) => act(options, (client, io) => secretRotateKey(client, io, options)));
}
