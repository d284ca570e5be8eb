import { readFile } from 'node:fs/promises';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { appList, appRemove, appRestart, appRun, appScale, appShow } from './app-commands.js';
import { exitCodes } from './carry-out.js';
import { type CommandIo, paint } from './command-io.js';
import { logs } from './logs-command.js';
import { RestClient, RestError } from './rest-client.js';
import { connectTo, DEFAULT_URL, type ServerConnection } from './server-connection.js';
import { status, why } from './status-commands.js';

const DEFAULT_TIMEOUT_SECONDS = 600;

export interface CommonOptions {
  readonly url?: string;
  readonly token?: string;
  readonly ca?: string;
  readonly workDir?: string;
  readonly json: boolean;
}

export interface ChangeOptions extends CommonOptions {
  readonly wait: boolean;
  readonly timeout: number;
  readonly force: boolean;
  readonly dryRun: boolean;
}

type Run = (client: RestClient, io: CommandIo) => Promise<number>;

/** The real world of a command. */
function processIo(): CommandIo & { close(): void } {
  const controller = new AbortController();
  const onInterrupt = (): void => controller.abort();
  process.once('SIGINT', onInterrupt);
  // `longrun logs /x | head` closes our output: that is an end, not an error. Others have been told.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    process.exit(error.code === 'EPIPE' ? exitCodes.ok : exitCodes.error);
  });
  return {
    out: (text) => void process.stdout.write(`${text}\n`),
    err: (text) => void process.stderr.write(`${text}\n`),
    raw: (text) => void process.stdout.write(text),
    readText: (path) => (path === '-' ? readStandardInput() : readFile(path, 'utf8')),
    terminal: process.stdout.isTTY === true && process.env['NO_COLOR'] === undefined,
    interrupted: controller.signal,
    close: () => void process.removeListener('SIGINT', onInterrupt),
  };
}

async function readStandardInput(): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

/** Runs a command and turns what it threw into words: what went wrong, what would be right, and where. */
export async function runRestCommand(
  connect: string | (() => ServerConnection),
  io: CommandIo,
  run: Run,
): Promise<number> {
  try {
    return await run(new RestClient(typeof connect === 'string' ? connect : connect()), io);
  } catch (error) {
    io.err(`${paint(io, 'red', 'error:')} ${error instanceof Error ? error.message : String(error)}`);
    if (error instanceof RestError) {
      const lines = detailLines(error.details);
      for (const line of lines) io.err(`  ${line}`);
      // "See `details`" is for readers of the answer; here they stand right above.
      if (error.hint && (lines.length === 0 || !error.hint.includes('`details`')))
        io.err(paint(io, 'dim', error.hint));
    }
    return exitCodes.error;
  }
}

function detailLines(details: unknown): readonly string[] {
  if (typeof details === 'string') return [details];
  if (!Array.isArray(details)) return [];
  return details.map(
    (detail: { readonly path?: string; readonly errors?: readonly string[]; readonly hint?: string }) => {
      const hint = detail.hint ? ` (${detail.hint})` : '';
      return `${detail.path ?? ''}: ${(detail.errors ?? []).join(', ')}${hint}`;
    },
  );
}

/** Carries a command out in the real world and sets the exit code. */
export async function act(options: CommonOptions, run: Run): Promise<void> {
  const io = processIo();
  process.exitCode = await runRestCommand(() => connectTo(options), io, run);
  io.close();
}

/** What every command that talks to a server takes. */
export function common(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--url <url>',
        `where the server answers (default: the one of this work dir, or ${DEFAULT_URL})`,
      ).env('LONGRUN_URL'),
    )
    .addOption(
      new Option('--token <token>', 'token to prove who asks (default: the work dir’s, on its own host)').env(
        'LONGRUN_TOKEN',
      ),
    )
    .option('--ca <file>', 'PEM file with the authority that signed the server’s certificate')
    .addOption(new Option('--work-dir <dir>', 'work dir whose server is meant').env('LONGRUN_WORK_DIR'))
    .option('--json', 'print JSON for programs', false);
}

function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('It must be a whole number, 0 or more.');
  return Number(text);
}

/** A command that starts a deployment and, by default, watches it. */
export function changing(command: Command, { force = true } = {}): Command {
  common(command)
    .option('--no-wait', 'return as soon as the deployment has begun')
    .option(
      '--timeout <seconds>',
      'stop watching after so long; the deployment goes on',
      wholeNumber,
      DEFAULT_TIMEOUT_SECONDS,
    )
    .option(
      '--dry-run',
      'only say what would change, whether it fits and what it takes; change nothing',
      false,
    );
  if (force) command.option('--force', 'cancel running deployments that are in the way', false);
  return command;
}

function changeArguments({ wait, timeout, json, force, dryRun }: ChangeOptions) {
  return { wait, timeoutSeconds: timeout, json, force: force ?? false, dryRun };
}

const EXIT_CODES = `
Exit codes: 0 done, 1 refused or no server, 2 wrong use, ${exitCodes.deploymentFailed} the deployment failed, ${exitCodes.stillRunning} it still runs.`;

/** Adds the commands that talk to a server's REST API: status, app ..., logs, why. */
export function addRestCommands(program: Command): void {
  common(program.command('status'))
    .description('show what runs, what is being changed and what waits')
    .addHelpText('after', '\nExamples:\n  longrun status\n  longrun status --url http://10.0.0.1:8080 --json')
    .action((options: CommonOptions) => act(options, (client, io) => status(client, io, options)));
  addAppCommands(
    program
      .command('app')
      .description('start, scale, restart, remove and look at apps')
      .addHelpText(
        'after',
        '\nExample:\n  longrun app run --help        what a command takes, with examples',
      ),
  );
  common(program.command('logs'))
    .argument('<task-or-app>', 'a task id, or an app id for all its tasks')
    .description('print what a task (or every task of an app) wrote')
    .option('-f, --follow', 'go on printing what is written, by new tasks of an app too', false)
    .option('-n, --lines <count>', 'begin so many lines before the end', wholeNumber, 100)
    .addOption(
      new Option('--stream <which>', 'what to print').choices(['stdout', 'stderr', 'both']).default('both'),
    )
    .addHelpText(
      'after',
      '\nExamples:\n  longrun logs /hello\n  longrun logs -f /hello --stream stderr\n  longrun logs -n 1000 hello.instance-6b7c...._app.1',
    )
    .action(
      (
        target: string,
        options: CommonOptions & { follow: boolean; lines: number; stream: 'stdout' | 'stderr' | 'both' },
      ) => {
        const streams = options.stream === 'both' ? (['stdout', 'stderr'] as const) : [options.stream];
        return act(options, (client, io) =>
          logs(client, io, {
            target,
            follow: options.follow,
            lines: options.lines,
            json: options.json,
            streams,
          }),
        );
      },
    );
  common(program.command('why'))
    .argument('<app>', 'id of an app')
    .description('explain what keeps an app from being as wanted')
    .addHelpText(
      'after',
      '\nExample:\n  longrun why /hello        e.g. "3 of 3 offers refused: too few cpus"',
    )
    .action((id: string, options: CommonOptions) =>
      act(options, (client, io) => why(client, io, { ...options, id })),
    );
}

function addAppCommands(app: Command): void {
  common(app.command('list'))
    .alias('ls')
    .description('list all apps')
    .addHelpText('after', '\nExamples:\n  longrun app list\n  longrun app list --json | jq -r ".apps[].id"')
    .action((options: CommonOptions) => act(options, (client, io) => appList(client, io, options)));
  common(app.command('show'))
    .argument('<app>', 'id of an app')
    .description('show one app with its tasks')
    .addHelpText('after', '\nExamples:\n  longrun app show /hello\n  longrun app show hello --json')
    .action((id: string, options: CommonOptions) =>
      act(options, (client, io) => appShow(client, io, { ...options, id })),
    );
  changing(app.command('run'))
    .argument('<file>', 'JSON (or .yaml) with an app, or with an array of apps; - is standard input')
    .description('start an app, or change it to what the file says, and watch it come up')
    .addHelpText(
      'after',
      `\nExamples:\n  longrun app run examples/hello.json\n  longrun app run examples/two-apps.json --no-wait\n  longrun app run examples/hello.json --dry-run\n${EXIT_CODES}`,
    )
    .action((file: string, options: ChangeOptions) =>
      act(options, (client, io) => appRun(client, io, { ...changeArguments(options), file })),
    );
  changing(app.command('scale'))
    .argument('<app>', 'id of an app')
    .argument('<instances>', 'how many copies', wholeNumber)
    .description('run so many copies of an app')
    .addHelpText(
      'after',
      `\nExamples:\n  longrun app scale /hello 4\n  longrun app scale /hello 0      suspends it\n  longrun app scale /hello 40 --dry-run      does it fit?\n${EXIT_CODES}`,
    )
    .action((id: string, instances: number, options: ChangeOptions) =>
      act(options, (client, io) => appScale(client, io, { ...changeArguments(options), id, instances })),
    );
  changing(app.command('restart'))
    .argument('<app>', 'id of an app')
    .description('replace all tasks of an app, by its upgrade strategy, without an outage')
    .addHelpText(
      'after',
      `\nExamples:\n  longrun app restart /hello\n  longrun app restart /hello --timeout 60\n${EXIT_CODES}`,
    )
    .action((id: string, options: ChangeOptions) =>
      act(options, (client, io) => appRestart(client, io, { ...changeArguments(options), id })),
    );
  changing(app.command('rm'), { force: false })
    .argument('<app>', 'id of an app')
    .description('stop an app and forget it; its running deployments are cancelled')
    .addHelpText(
      'after',
      `\nExamples:\n  longrun app rm /hello\n  longrun app rm /hello --no-wait --json\n${EXIT_CODES}`,
    )
    .action((id: string, options: ChangeOptions) =>
      act(options, (client, io) => appRemove(client, io, { ...changeArguments(options), id })),
    );
}
