import { csvColumns } from './csv.js';
import type { ProxyStats } from './proxy-stats.js';
import { statRows } from './stat-rows.js';

const objectTypes = ['Frontend', 'Backend', 'Server'] as const;
const names: ReadonlySet<string> = new Set(['pxname', 'svname']);
const positions: ReadonlyMap<string, number> = new Map(csvColumns.map((name, i) => [name, i]));

/** `/haproxy?stats;json`, in the shape of HAProxy's `show stat json`: a list of fields per row; piece by piece. */
export function* statsJson(stats: ProxyStats): Iterable<string> {
  let separator = '[';
  for (const row of statRows(stats)) {
    const fields = Object.entries(row)
      .map(([name, value]) => ({ name, value, pos: positions.get(name) ?? -1 }))
      .filter(({ pos }) => pos >= 0)
      .sort((a, b) => a.pos - b.pos)
      .map(({ name, value, pos }) => ({
        objType: objectTypes[Number(row['type'])] ?? 'Listener',
        proxyId: row['iid'],
        id: row['sid'],
        field: { pos, name },
        processNum: 1,
        tags: names.has(name)
          ? { origin: 'Key', nature: 'Name', scope: 'Service' }
          : { origin: 'Metric', nature: 'Gauge', scope: 'Process' },
        value:
          typeof value === 'number' ? { type: value < 0 ? 's32' : 'u64', value } : { type: 'str', value },
      }));
    yield `${separator}${JSON.stringify(fields)}`;
    separator = ',\n';
  }
  yield separator === '[' ? '[]\n' : ']\n';
}
