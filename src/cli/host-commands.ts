import { createWriteStream, existsSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { type Command, Option } from 'commander';
import { SettingsError } from '../config/load-settings.js';
import { notedApiUrl, openWorkDir } from '../config/work-dir.js';
import { restoreLmdb } from '../store/lmdb-store.js';
import { LockHeld, PidLock } from '../util/pid-lock.js';
import { examine, type Finding } from './doctor.js';
import { NoAnswer, OperatorClient, OperatorError } from './operator-client.js';
import { sentenceOf } from './sentence-of.js';
import { addSettings, settingsOf } from './setting-options.js';

type Options = Readonly<Record<string, string | boolean | undefined>>;

const DEFAULT_URL = 'http://127.0.0.1:8080';

/** While something takes its time, this often a word about it. */
const PATIENCE_MS = 5_000;
const LOOK_MS = 50;

/** A command about this host and this work dir. */
function hostCommand(root: Command, name: string, flags: readonly string[], examples: string): Command {
  return addSettings(root.command(name), flags)
    .option('--json', 'print JSON for programs')
    .addHelpText('after', `\nExamples:\n${examples}`);
}

const urlOption = (): Option =>
  new Option('--url <url>', 'the server’s API (default: where this work dir’s was last)').env('LONGRUN_URL');

/** Commands about this host and this work dir: down, doctor, backup, restore. */
export function addHostCommands(root: Command): void {
  hostCommand(
    root,
    'down',
    ['work-dir'],
    '  longrun down\n  longrun down --leave-tasks        as SIGTERM: for an upgrade\n  longrun down --work-dir /tmp/try',
  )
    .description('stop the running `longrun up`, its tasks included (with their grace period)')
    .addOption(urlOption())
    .option('--leave-tasks', 'leave tasks and the load balancer running for the next `up`')
    .action((options: Options) => guarded(() => down(options)));
  hostCommand(
    root,
    'doctor',
    [
      'work-dir',
      'http-port',
      'master-port',
      'agent-port',
      'lb-http-port',
      'lb-stats-port',
      'lb-https-port',
      'lb-app-id-port',
      'dns-port',
      'dns-http-port',
      'default-user',
      'docker-socket',
      'lb',
      'haproxy-path',
    ],
    '  longrun doctor\n  longrun doctor --work-dir /srv/longrun --http-port 80\nExit codes: 0 nothing is in the way, 1 something is.',
  )
    .description('what works on this machine, what does not, and what to do about it')
    .action((options: Options) => guarded(async () => doctor(options)));
  hostCommand(
    root,
    'backup',
    ['work-dir'],
    '  longrun backup /var/backups/longrun-$(date +%F)\nSafe at any time; the server goes on meanwhile.',
  )
    .description('write everything the running server knows to one file')
    .argument('<file>', 'file to write; mode 0600')
    .addOption(urlOption())
    .action((file: string, options: Options) => guarded(() => backup(file, options)));
  hostCommand(
    root,
    'restore',
    ['work-dir'],
    '  longrun down && longrun restore /var/backups/longrun-2026-01-31 && longrun up',
  )
    .description('replace what a stopped work dir knows by a backup')
    .argument('<file>', 'file that `longrun backup` wrote')
    .action((file: string, options: Options) => guarded(() => restore(file, options)));
}

async function guarded(run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (error) {
    if (error instanceof SettingsError) throw error;
    process.stderr.write(`error: ${sentenceOf(error)}\n`);
    process.exitCode = 1;
  }
}

/** Says something to a person, or to a program as JSON. */
function say(options: Options, sentence: string, facts: Readonly<Record<string, string>>): void {
  process.stdout.write(`${options['json'] ? JSON.stringify(facts) : sentence}\n`);
}

function apiUrl(options: Options, workDir: string): string {
  return (options['url'] as string | undefined) ?? notedApiUrl(workDir) ?? DEFAULT_URL;
}

async function down(options: Options): Promise<void> {
  const { workDir } = settingsOf(options);
  const lockFile = join(workDir, 'run', 'up.lock');
  const holder = PidLock.holder(lockFile);
  if (!holder)
    throw new OperatorError(
      `nothing is up on the work dir ${workDir}; if yours is another, name it with --work-dir`,
    );
  const mode = options['leaveTasks'] ? 'leave-tasks' : 'kill-tasks';
  try {
    await new OperatorClient(apiUrl(options, workDir), workDir).post(`/longrun/v1/down?mode=${mode}`);
  } catch (error) {
    if (!(error instanceof NoAnswer)) throw error;
    // The server is away; its parent understands signals too.
    process.kill(holder.pid, mode === 'kill-tasks' ? 'SIGINT' : 'SIGTERM');
  }
  const progress = mode === 'kill-tasks' ? 'stopping; tasks get their grace period' : 'stopping; tasks go on';
  if (!options['json']) process.stdout.write(`${progress} ...\n`);
  const began = performance.now();
  let saidMs = PATIENCE_MS;
  while (PidLock.holder(lockFile)?.pid === holder.pid) {
    await new Promise((again) => setTimeout(again, LOOK_MS));
    const passedMs = performance.now() - began;
    if (passedMs < saidMs || options['json']) continue;
    saidMs += PATIENCE_MS;
    process.stdout.write(`still stopping after ${Math.round(passedMs / 1000)} s ...\n`);
  }
  say(options, 'longrun is down', { workDir, mode });
}

async function backup(file: string, options: Options): Promise<void> {
  const { workDir } = settingsOf(options);
  const folder = dirname(resolve(file));
  if (!existsSync(folder)) throw new OperatorError(`the folder ${folder} does not exist`);
  const body = await new OperatorClient(apiUrl(options, workDir), workDir).download('/longrun/v1/backup');
  const draft = `${file}.${process.pid}`;
  try {
    await pipeline(body, createWriteStream(draft, { mode: 0o600, flags: 'wx' }));
    renameSync(draft, file);
  } finally {
    rmSync(draft, { force: true });
  }
  say(options, `wrote ${file} (${statSync(file).size} bytes)`, { file });
}

async function restore(file: string, options: Options): Promise<void> {
  if (!existsSync(file)) throw new OperatorError(`the backup ${file} does not exist`);
  const settings = settingsOf(options);
  const workDir = openWorkDir(settings.workDir);
  let lock: PidLock;
  try {
    lock = PidLock.take(join(workDir.run, 'server.lock'));
  } catch (error) {
    if (error instanceof LockHeld)
      throw new OperatorError(
        `longrun (process ${error.holder.pid}) runs on ${workDir.path}; stop it first: longrun down --work-dir ${workDir.path}`,
      );
    throw error;
  }
  try {
    await restoreLmdb(file, workDir.store);
  } finally {
    lock.release();
  }
  say(
    options,
    `restored ${workDir.path} from ${file}; start it with: longrun up --work-dir ${workDir.path}`,
    {
      workDir: workDir.path,
      file,
    },
  );
}

const marks: Readonly<Record<Finding['verdict'], string>> = { ok: '✓', warn: '!', bad: '✗' };

function doctor(options: Options): void {
  const findings = examine(settingsOf(options));
  if (options['json']) {
    process.stdout.write(`${JSON.stringify(findings, null, 2)}\n`);
  } else {
    for (const finding of findings) {
      process.stdout.write(
        `${marks[finding.verdict]} ${finding.what}: ${finding.found}\n${finding.advice ? `    ${finding.advice}\n` : ''}`,
      );
    }
  }
  process.exitCode = findings.some((finding) => finding.verdict === 'bad') ? 1 : 0;
}
