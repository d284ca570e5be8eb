import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { act, type CommonOptions, common } from './add-rest-commands.js';
import { certificateAdd, certificateList, certificateRemove } from './certificate-commands.js';
import { RestError } from './rest-client.js';

async function textOf(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new RestError(
      `${file} cannot be read: ${(error as Error).message}`,
      'Name a file that you may read.',
      0,
    );
  }
}

interface AddOptions extends CommonOptions {
  readonly file: string;
  readonly key?: string;
}

/** Adds `certificate ...`: what the load balancers speak TLS with. */
export function addCertificateCommands(program: Command): void {
  const certificate = program
    .command('certificate')
    .description('add, list and remove certificates of the load balancers')
    .addHelpText('after', '\nExample:\n  longrun certificate add --help        which files it takes');
  common(certificate.command('add'))
    .argument('<name>', 'by which apps may use it')
    .requiredOption('-f, --file <file>', 'PEM: the certificate, its chain, and its key unless --key names it')
    .option('-k, --key <file>', 'PEM: the private key')
    .description('add a certificate or replace it; load balancers use it at once, connections stay')
    .addHelpText(
      'after',
      `
Without a private key it is taken for certificate authorities, by which apps know their clients.
Examples:
  longrun certificate add shop --file fullchain.pem --key privkey.pem
  longrun certificate add partners --file partners-ca.pem`,
    )
    .action((name: string, options: AddOptions) =>
      act(options, async (client, io) =>
        certificateAdd(client, io, {
          name,
          certificate: await textOf(options.file),
          ...(options.key !== undefined && { privateKey: await textOf(options.key) }),
          json: options.json,
        }),
      ),
    );
  common(certificate.command('list'))
    .alias('ls')
    .description('list the certificates, whom they are for and until when')
    .addHelpText('after', '\nExample:\n  longrun certificate list')
    .action((options: CommonOptions) => act(options, (client, io) => certificateList(client, io, options)));
  common(certificate.command('rm'))
    .argument('<name>', 'of a certificate that no app names')
    .description('remove a certificate')
    .addHelpText('after', '\nExample:\n  longrun certificate rm shop')
    .action((name: string, options: CommonOptions) =>
      act(options, (client, io) => certificateRemove(client, io, { name, json: options.json })),
    );
}
