import { createWriteStream, existsSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { type Command, Option } from 'commander';
import { openWorkDir } from '../config/work-dir.js';
import { restoreLmdb } from '../store/lmdb-store.js';
import { LockHeld, PidLock } from '../util/pid-lock.js';
import { examine, type Finding } from './doctor.js';
import { OperatorClient, OperatorError } from './operator-client.js';
import { addSettings, settingsOf } from './setting-options.js';

type Options = Readonly<Record<string, string | boolean | undefined>>;

const urlOption = (): Option =>
  new Option('--url <url>', 'the server’s API').env('LONGRUN_URL').default('http://127.0.0.1:8080');

/** Commands about this host and this work dir: down, doctor, backup, restore. */
export function addHostCommands(root: Command): void {
  addSettings(root.command('down'), ['work-dir'])
    .description('stop the running `longrun up`, its tasks included (with their grace period)')
    .addOption(urlOption())
    .option('--leave-tasks', 'leave tasks and the load balancer running for the next `up`')
    .action((options: Options) => guarded(() => down(options)));
  addSettings(root.command('doctor'), [
    'work-dir',
    'http-port',
    'master-port',
    'agent-port',
    'lb-http-port',
    'lb-stats-port',
    'default-user',
  ])
    .description('what works on this machine, what does not, and what to do about it')
    .option('--json', 'as JSON')
    .action((options: Options) => doctor(options));
  addSettings(root.command('backup'), ['work-dir'])
    .description('write everything the running server knows to one file')
    .argument('<file>')
    .addOption(urlOption())
    .action((file: string, options: Options) => guarded(() => backup(file, options)));
  addSettings(root.command('restore'), ['work-dir'])
    .description('replace what a stopped work dir knows by a backup')
    .argument('<file>')
    .action((file: string, options: Options) => guarded(() => restore(file, options)));
}

async function guarded(run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}

async function down(options: Options): Promise<void> {
  const settings = settingsOf(options);
  const lockFile = join(settings.workDir, 'run', 'up.lock');
  const holder = PidLock.holder(lockFile);
  if (!holder) throw new OperatorError(`nothing is up on the work dir ${settings.workDir}`);
  const mode = options['leaveTasks'] ? 'leave-tasks' : 'kill-tasks';
  await new OperatorClient(String(options['url']), settings.workDir).post(`/longrun/v1/down?mode=${mode}`);
  process.stdout.write(
    mode === 'kill-tasks' ? 'stopping; tasks get their grace period ...\n' : 'stopping; tasks go on ...\n',
  );
  while (PidLock.holder(lockFile)?.pid === holder.pid) await new Promise((again) => setTimeout(again, 50));
  process.stdout.write('longrun is down\n');
}

async function backup(file: string, options: Options): Promise<void> {
  const settings = settingsOf(options);
  const body = await new OperatorClient(String(options['url']), settings.workDir).download(
    '/longrun/v1/backup',
  );
  const draft = `${file}.${process.pid}`;
  try {
    await pipeline(body, createWriteStream(draft, { mode: 0o600, flags: 'wx' }));
    renameSync(draft, file);
  } finally {
    rmSync(draft, { force: true });
  }
  process.stdout.write(`wrote ${file}\n`);
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
        `longrun (process ${error.holder.pid}) runs on ${workDir.path}; stop it first: longrun down`,
      );
    throw error;
  }
  try {
    await restoreLmdb(file, workDir.store);
  } finally {
    lock.release();
  }
  process.stdout.write(`restored ${workDir.path} from ${file}; start it with: longrun up\n`);
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
