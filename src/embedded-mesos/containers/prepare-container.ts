import {
  chownSync,
  closeSync,
  mkdirSync,
  openSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { ContainerHost } from './container-host.js';
import type { Account, ContainerSpec } from './containerizer.js';
import { commandFault, launchScript } from './decide/launch-script.js';
import { type RunFiles, streams } from './run-files.js';
import { prepareStage } from './stage.js';

/**
 * Makes all that a container needs before its supervisor: sandbox, output, cgroups, script. Idempotent; throws why not.
 * Synchronous, since these few calls take a third of a millisecond in all where the folders were made in advance, and a trip
 * through the thread pool for each of them would take longer than the launch itself. `network`: the network namespace that was
 * made for it.
 */
export function prepareContainer(host: ContainerHost, spec: ContainerSpec, network?: string): void {
  const fault = commandFault(spec);
  if (fault) throw new Error(fault);
  const { files, isolation } = host;
  const sandbox = files.sandbox(spec.id);
  makeFolders(files, spec.id, spec.account);
  isolation.prepare(spec.id, spec.limits);
  prepareStage(host, spec, network);
  writeFileSync(files.script(spec.id), launchScript({ ...spec, environment: ownVariables(spec, sandbox) }), {
    mode: 0o600,
  });
}

/**
 * A container's folders on disk: sandbox and output. To change a disk's folders while others' writes become durable there may take
 * milliseconds for each change: what is there already is not touched.
 */
export function makeFolders(files: RunFiles, id: string, account: Account | undefined): void {
  const sandbox = files.sandbox(id);
  mkdirSync(sandbox, { recursive: true, mode: 0o750 });
  if (account) {
    const { uid, gid } = statSync(sandbox);
    if (uid !== account.uid || gid !== account.gid) chownSync(sandbox, account.uid, account.gid);
  }
  mkdirSync(files.output(id), { recursive: true, mode: 0o750 });
  for (const stream of streams) closeSync(openSync(join(files.output(id), stream), 'a', 0o640));
}

/** Removes the folders of a container that nothing ever ran in. Whoever has left something there, they stay. */
export function removeEmptyFolders(files: RunFiles, id: string): void {
  const sizes = streams.map(
    (stream) => statSync(join(files.output(id), stream), { throwIfNoEntry: false })?.size,
  );
  if (sizes.some((size) => size !== undefined && size > 0)) return;
  try {
    rmdirSync(files.sandbox(id));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') return;
  }
  rmSync(files.output(id), { recursive: true, force: true });
}

/** The whole environment of a container: what Mesos's agent gives every task; those of the command win. */
export function ownVariables(spec: ContainerSpec, sandbox: string): ContainerSpec['environment'] {
  const own = [
    { name: 'PATH', value: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' },
    { name: 'MESOS_SANDBOX', value: sandbox },
    { name: 'MESOS_DIRECTORY', value: sandbox },
  ];
  // Last, so that nobody can change it: processes of a container without cgroups are found by it.
  const mark = { name: 'MESOS_CONTAINER_ID', value: spec.id };
  return [...own, ...spec.environment, mark];
}
