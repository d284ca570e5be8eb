const bars = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'] as const;

/**
 * Values over time as a line of bars, one character each, as high as their share of `top`. Undefined values are blanks; more
 * values than `width` are joined, of which the highest counts.
 */
export function sparkline(values: readonly (number | undefined)[], top: number, width: number): string {
  const perBar = Math.max(1, Math.ceil(values.length / width));
  let line = '';
  for (let from = 0; from < values.length; from += perBar) {
    const group = values.slice(from, from + perBar).filter((value) => value !== undefined);
    const height = top > 0 ? Math.max(0, ...group) / top : 0;
    const bar = bars[Math.min(bars.length - 1, Math.floor(height * bars.length))];
    line += group.length === 0 ? ' ' : bar;
  }
  return line;
}
