import type { AgentOptions } from '../agent-options.js';

/** The flags of a real agent that have a meaning here, by its names, all as text (Mesos reference 3.8). */
export function agentFlags(
  options: Pick<
    AgentOptions,
    'address' | 'hostname' | 'workDir' | 'resources' | 'attributes' | 'defaultUser' | 'allowRootTasks'
  >,
  isolation: string,
): Readonly<Record<string, string>> {
  return {
    ...(options.attributes === undefined ? {} : { attributes: options.attributes }),
    containerizers: 'docker,mesos',
    default_role: '*',
    hostname: options.hostname,
    ip: options.address,
    isolation,
    recover: 'reconnect',
    ...(options.resources === undefined ? {} : { resources: options.resources }),
    strict: 'false',
    switch_user: 'true',
    work_dir: options.workDir,
  };
}
