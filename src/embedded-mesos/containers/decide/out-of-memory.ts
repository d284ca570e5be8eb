import type { MemoryLimitation } from '../containerizer.js';

const MIB = 1024 * 1024;
/** How many processes the message names. */
export const LARGEST_NAMED = 5;

export interface ProcessSize {
  readonly pid: number;
  readonly name: string;
  readonly rssBytes: number;
}

/** What the kernel said about a container when it killed for memory. */
export interface MemoryFacts {
  readonly limitBytes: number;
  readonly maxUsedBytes: number;
  /** The text of memory.stat. */
  readonly statistics: string;
}

/** Builds the limitation with Mesos's message, then our own list of who used the most and still lived. */
export function memoryLimitation(facts: MemoryFacts, survivors: readonly ProcessSize[]): MemoryLimitation {
  const limitMiB = Math.round(facts.limitBytes / MIB);
  const maxUsedMiB = Math.round(facts.maxUsedBytes / MIB);
  const largest = [...survivors].sort((a, b) => b.rssBytes - a.rssBytes).slice(0, LARGEST_NAMED);
  const lines = largest.map(
    ({ pid, name, rssBytes }) => `${name} (pid ${pid}): ${Math.round(rssBytes / MIB)}MB`,
  );
  const tail = lines.length > 0 ? `\nLARGEST PROCESSES LEFT: \n${lines.join('\n')}\n` : '';
  return {
    limitMiB,
    maxUsedMiB,
    message: `Memory limit exceeded: Requested: ${limitMiB}MB Maximum Used: ${maxUsedMiB}MB\n\nMEMORY STATISTICS: \n${facts.statistics}${tail}`,
  };
}
