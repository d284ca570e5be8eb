import { join } from 'node:path';
import { ContainerizerChoice } from '../containers/choice.js';
import type { ContainerEvent } from '../containers/containerizer.js';
import { DockerContainerizer } from '../containers/docker/docker-containerizer.js';
import { detectIsolation } from '../containers/isolation/detect-isolation.js';
import { BridgeNetworks } from '../containers/network/bridge-networks.js';
import { ProcessContainerizer } from '../containers/process-containerizer.js';
import { volatileFolder } from '../containers/volatile-folder.js';
import type { AgentOptions } from './agent-options.js';

/** As for plain processes. */
const DEFAULT_PIDS_MAX = 4_096;
const DEFAULT_DOCKER_SOCKET = '/var/run/docker.sock';

/** Both containerizers, and the one that gives each task to the right one. */
export interface AgentContainers {
  readonly processes: ProcessContainerizer;
  readonly containerizer: ContainerizerChoice;
  /** Containers run on. `idle`: there are none, and nothing is kept for them. */
  stop(idle: boolean): Promise<void>;
}

/** `folder`: the agent's own in the work dir; `instanceId`: names what is ours of cgroups and of the engine's containers. */
export function buildContainers(
  options: AgentOptions,
  folder: string,
  instanceId: string,
  onEvent: (event: ContainerEvent) => void,
  diskUsedBytes: (containerId: string) => number | undefined,
): AgentContainers {
  const { clock, dice, docker } = options;
  const log = options.log.child('containers');
  const volatileRoot = volatileFolder(instanceId);
  const processes = new ProcessContainerizer({
    root: folder,
    ...(volatileRoot !== undefined && { volatileRoot }),
    isolation: detectIsolation(instanceId, options.pidsMax),
    ...(options.isolation !== undefined && { isolationLevel: options.isolation }),
    bridges: new BridgeNetworks({ folder: join(folder, 'networks'), instanceId, log }),
    pump: { script: options.pumpScript, fileBytes: options.outputFileBytes, files: options.outputFiles },
    onEvent,
    ...(options.warmContainers !== undefined && { warmContainers: options.warmContainers }),
    clock,
    dice,
    log,
  });
  const images = new DockerContainerizer({
    root: folder,
    socketPath: docker?.socketPath ?? DEFAULT_DOCKER_SOCKET,
    instanceId,
    rules: {
      allowPrivileged: docker?.allowPrivileged ?? false,
      allowParameters: docker?.allowParameters ?? [],
    },
    pidsMax: options.pidsMax ?? DEFAULT_PIDS_MAX,
    output: { fileBytes: options.outputFileBytes, files: options.outputFiles },
    ...(docker?.configPath !== undefined && { configPath: docker.configPath }),
    onEvent,
    clock,
    dice,
    log,
  });
  return {
    processes,
    containerizer: new ContainerizerChoice(processes, images, diskUsedBytes),
    stop: async (idle) => {
      await images.stop();
      if (idle) await processes.tearDown();
      else await processes.stop();
    },
  };
}
