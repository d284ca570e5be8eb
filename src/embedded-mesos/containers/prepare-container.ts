import { chownSync, closeSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ContainerHost } from './container-host.js';
import type { ContainerSpec } from './containerizer.js';
import { commandFault, launchScript } from './decide/launch-script.js';
import { streams } from './run-files.js';
import { prepareStage } from './stage.js';

/**
 * Makes all that a container needs before its supervisor: sandbox, output, cgroups, script. Idempotent; throws why not.
 * Synchronous, since these few calls take a third of a millisecond in all, and a trip through the thread pool for each
 * of them would take longer than the launch itself. `network`: the network namespace that was made for it.
 */
export function prepareContainer(host: ContainerHost, spec: ContainerSpec, network?: string): void {
  const fault = commandFault(spec);
  if (fault) throw new Error(fault);
  const { files, isolation } = host;
  const sandbox = files.sandbox(spec.id);
  mkdirSync(sandbox, { recursive: true, mode: 0o750 });
  if (spec.account) chownSync(sandbox, spec.account.uid, spec.account.gid);
  mkdirSync(files.output(spec.id), { recursive: true, mode: 0o750 });
  for (const stream of streams) closeSync(openSync(join(files.output(spec.id), stream), 'a', 0o640));
  isolation.prepare(spec.id, spec.limits);
  prepareStage(host, spec, network);
  writeFileSync(files.script(spec.id), launchScript({ ...spec, environment: ownVariables(spec, sandbox) }), {
    mode: 0o600,
  });
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
