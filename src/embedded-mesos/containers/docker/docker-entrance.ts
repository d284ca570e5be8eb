import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Entrance } from '../containerizer.js';
import { cgroupFolders } from '../decide/cgroup-membership.js';
import { cgroupHierarchies } from '../decide/mount-table.js';
import type { DockerSpec } from './docker-spec.js';
import type { EngineContainer } from './engine.js';

/** How to join a running container of the engine: as `docker exec` does, without asking the engine. */
export function dockerEntrance(found: EngineContainer, docker: DockerSpec): Entrance | undefined {
  const { pid } = found.state;
  if (pid === 0) return undefined;
  const own = ['pid', 'ipc', 'mount', 'uts'] as const;
  return {
    pid,
    namespaces: docker.network.kind === 'host' ? own : [...own, 'net'],
    cgroups: cgroupsOf(pid),
    environment: found.environment.map((text) => {
      const at = text.indexOf('=');
      return at === -1 ? { name: text, value: '' } : { name: text.slice(0, at), value: text.slice(at + 1) };
    }),
    workingFolder: found.workingFolder,
  };
}

function cgroupsOf(pid: number): readonly string[] {
  const hierarchies = cgroupHierarchies(readFileSync('/proc/self/mountinfo', 'utf8'));
  return cgroupFolders(readFileSync(join('/proc', String(pid), 'cgroup'), 'utf8'), hierarchies);
}
