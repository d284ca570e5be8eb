import { execFile } from 'node:child_process';
import { unshareWords } from '../namespace-script.js';

/**
 * What is kept apart besides the limits. `default`: processes and ipc, as far as the host allows. `strict`: for every task also
 * what an app gets that asks for it. `none`: tasks see the host's processes.
 */
export type IsolationLevel = 'none' | 'default' | 'strict';

/** Which namespaces the containers of this agent get. */
export interface NamespaceSupport {
  readonly level: IsolationLevel;
  /** Processes, ipc and mounts of their own. */
  readonly own: boolean;
  /** Sentences on what is missing; empty when nothing is. */
  readonly gaps: readonly string[];
}

export const noNamespaces: NamespaceSupport = { level: 'none', own: false, gaps: [] };

const PROBE_LIMIT_MS = 10_000;
const shared = 'tasks see the processes, ipc objects and mounts of the host';

/** Tries once whether this process may make namespaces here, by making some. */
export async function probeNamespaces(level: IsolationLevel): Promise<NamespaceSupport> {
  const without = (why: string): NamespaceSupport => ({ level, own: false, gaps: [`${why}: ${shared}`] });
  if (level === 'none') return without('the agent runs with --isolation none');
  if (process.getuid?.() !== 0) return without('the agent does not run as root');
  const fault = await faultOf(`${unshareWords} /bin/sh -c :`);
  if (fault !== undefined) return without(`namespaces cannot be made here (${fault})`);
  const tools = await faultOf('mount --version && setpriv --bounding-set -all --no-new-privs true');
  if (tools === undefined) return { level, own: true, gaps: [] };
  return { level, own: true, gaps: [`mounts and strict isolation are not possible here (${tools})`] };
}

/** Runs a line of shell; what it complained of, undefined when it went well. */
function faultOf(line: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    execFile('/bin/sh', ['-c', line], { timeout: PROBE_LIMIT_MS, cwd: '/' }, (error, _stdout, stderr) =>
      resolve(error ? (stderr.trim().split('\n')[0] ?? '') || error.message : undefined),
    );
  });
}
