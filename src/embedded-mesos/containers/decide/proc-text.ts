/** Facts of one line of /proc/<pid>/stat. */
export interface ProcStat {
  readonly pid: number;
  /** One letter; Z and X are dead. */
  readonly state: string;
  readonly processGroup: number;
  /** Field 22: clock ticks between boot and the start of the process. */
  readonly startTicks: number;
}

/** Reads /proc/<pid>/stat; the command may hold blanks and parentheses, so fields are counted after the last one. */
export function parseProcStat(text: string): ProcStat | undefined {
  const close = text.lastIndexOf(')');
  const pid = Number.parseInt(text, 10);
  const fields = text.slice(close + 2).trim().split(' ');
  const state = fields[0];
  const processGroup = Number(fields[2]);
  const startTicks = Number(fields[19]);
  if (close < 0 || !state || Number.isNaN(pid) || Number.isNaN(processGroup) || Number.isNaN(startTicks)) return undefined;
  return { pid, state, processGroup, startTicks };
}

/** Whether a process in this state still runs: zombies and dead ones do not. */
export function isLive(stat: ProcStat): boolean {
  return stat.state !== 'Z' && stat.state !== 'X' && stat.state !== 'x';
}

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
