/**
 * The log pump's own process: one per work dir. It outlives the agent and loads nothing but itself.
 * usage: node main.js <run dir> <bytes per file> <files> [supervisor's cgroup ...]
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LockHeld, PidLock } from '../../../util/pid-lock.js';
import { LogPump } from './log-pump.js';

const [root, fileBytes, files, ...groups] = process.argv.slice(2);
if (!root || !(Number(fileBytes) > 0) || !(Number(files) > 0)) {
  process.stderr.write('usage: main.js <run dir> <bytes per file> <files> [cgroup ...]\n');
  process.exit(64);
}
process.on('SIGHUP', () => undefined);
process.on('SIGINT', () => undefined);
try {
  PidLock.take(join(root, 'runtime', 'log-pump.lock'));
} catch (error) {
  if (error instanceof LockHeld) process.exit(0);
  throw error;
}
for (const group of groups) {
  try {
    writeFileSync(join(group, 'cgroup.procs'), '0');
  } catch {
    // A hierarchy that we may not write to: the pump stays in the agent's group of it and works all the same.
  }
}
const pump = new LogPump({
  pipes: join(root, 'pipes'),
  outputs: join(root, 'outputs'),
  fileBytes: Number(fileBytes),
  files: Number(files),
  onDone: () => process.exit(0),
});
// A host that goes down sends this to every process; the tasks' last words are still to be kept.
process.on('SIGTERM', () => pump.leave());
pump.start();
