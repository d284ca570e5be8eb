/** The system-wide count of out-of-memory kills of /proc/vmstat; undefined where the kernel has none (before 4.13). */
export function parseOomKills(vmstat: string): number | undefined {
  const at = vmstat.indexOf('\noom_kill ');
  if (at < 0) return undefined;
  const value = Number.parseInt(vmstat.slice(at + 10), 10);
  return Number.isNaN(value) ? undefined : value;
}

/** Reads files of lines `name value` (memory.stat, memory.events, cpu.stat ...). */
export function parseFlatKeyed(text: string): ReadonlyMap<string, number> {
  const values = new Map<string, number>();
  for (const line of text.split('\n')) {
    const blank = line.indexOf(' ');
    if (blank > 0) values.set(line.slice(0, blank), Number(line.slice(blank + 1)));
  }
  return values;
}
