import { readlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { ContainerHost } from './container-host.js';
import type { ContainerSpec, Entrance } from './containerizer.js';
import type { LiveProcess } from './decide/record.js';
import { ownVariables } from './prepare-container.js';
import { lives } from './processes.js';

const links: Readonly<Record<Entrance['namespaces'][number], string>> = {
  pid: 'pid',
  ipc: 'ipc',
  mount: 'mnt',
  net: 'net',
  uts: 'uts',
  cgroup: 'cgroup',
};

/**
 * How to join a running container of processes. Which namespaces are its own is asked of the kernel: containers of former
 * releases run on, and they have none. Undefined when its process is gone.
 */
export function processEntrance(
  { files, isolation }: ContainerHost,
  spec: ContainerSpec,
  main: LiveProcess,
): Entrance | undefined {
  const namespaces: Entrance['namespaces'][number][] = [];
  try {
    for (const [name, link] of Object.entries(links))
      if (readlinkSync(`/proc/${main.pid}/ns/${link}`) !== readlinkSync(`/proc/self/ns/${link}`))
        namespaces.push(name as Entrance['namespaces'][number]);
  } catch {
    // It went meanwhile.
    return undefined;
  }
  if (!lives(main)) return undefined;
  const sandbox = files.sandbox(spec.id);
  return {
    pid: main.pid,
    namespaces,
    ...(spec.account && { account: spec.account }),
    cgroups: isolation.parents.map((parent) => join(parent, spec.id)),
    environment: ownVariables(spec, sandbox),
    workingFolder: sandbox,
  };
}
