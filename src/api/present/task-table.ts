import type { AppRecord } from '../../apps/app.js';
import { servicePortsOf } from '../../apps/decide/service-ports.js';
import type { Instance } from '../../scheduler/instance.js';

/** What the table is made of. */
export interface TaskTableSource {
  readonly apps: Iterable<AppRecord>;
  readonly tasksOf: (record: AppRecord) => readonly Instance[];
}

export const TABLE_TYPE = 'text/plain';

/**
 * The table that shell scripts and old load-balancer glue read from `/v2/tasks` and `/v2/apps/{id}/tasks` with
 * `Accept: text/plain` (Marathon's form until 1.9): one line per app and service port, cells separated (and ended) by tabs,
 * `<id, slashes as underscores>  <service port>  <host:host port> ...`. An app without ports has one line with a blank in
 * place of the port and its hosts, separated by blanks. Only running tasks are in it; an app without any keeps its lines.
 * In pieces, so that an app with ten thousand tasks is written in slices.
 */
export function* taskTablePieces({ apps, tasksOf }: TaskTableSource): Generator<string> {
  for (const record of apps) {
    const { id } = record.app;
    const ports = servicePortsOf(record.app);
    const name = id.slice(1).replaceAll('/', '_');
    const running = tasksOf(record).filter(({ condition, task }) => condition === 'Running' && task);
    if (ports.length === 0) {
      yield `${name}\t \t`;
      for (const { task } of running) yield `${task?.hostname} `;
      yield '\n';
    }
    for (const [index, port] of ports.entries()) {
      yield `${name}\t${port}\t`;
      for (const { task } of running) yield `${task?.hostname}:${task?.hostPorts[index] ?? 0}\t`;
      yield '\n';
    }
  }
}
