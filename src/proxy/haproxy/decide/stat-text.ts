/** A row of `show stat`: columns by name. */
export type StatRow = Readonly<Record<string, string>>;

/** Reads HAProxy's statistics; several answers in a row are read as one. */
export function readStat(text: string): readonly StatRow[] {
  let names: readonly string[] = [];
  const rows: StatRow[] = [];
  for (const line of text.split('\n')) {
    if (line.startsWith('# ')) {
      names = line.slice(2).split(',');
      continue;
    }
    if (line === '' || names.length === 0) continue;
    const cells = line.split(',');
    if (cells.length < 10) continue;
    rows.push(Object.fromEntries(names.map((name, index) => [name, cells[index] ?? ''])));
  }
  return rows;
}

/** A column as a number; empty ones are 0. */
export function numberIn(row: StatRow, column: string): number {
  const value = Number(row[column] ?? 0);
  return Number.isFinite(value) ? value : 0;
}
