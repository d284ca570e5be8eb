import type { AppEndpoints, Endpoint } from '../endpoint.js';
import { appNames, hostLabel, taskLabel } from './app-names.js';

/** What a name says. Names are complete, in lower case and without the last dot. */
export type NameRecord =
  | { readonly type: 'A' | 'AAAA'; readonly name: string; readonly address: string }
  | { readonly type: 'SRV'; readonly name: string; readonly target: string; readonly port: number };

/** Records under an app's second name, which give way to those of the app whose own name it is. */
export interface AppRecords {
  readonly own: readonly NameRecord[];
  readonly alias: readonly NameRecord[];
}

export interface RecordSettings {
  /** E.g. `mesos`. */
  readonly domain: string;
  /** E.g. `marathon`. */
  readonly framework: string;
  /** A hash of a task's id in lower case letters and digits. */
  readonly digest: (taskId: string) => string;
}

/**
 * All names of an app, as Mesos-DNS forms them:
 * - `app.framework.domain`: where its tasks are; `app.framework.slave.domain`: where their agents are;
 * - `_app._tcp.framework.domain`: host and port of each port of each task; `_port._app._tcp...`: of the ports of this name;
 * - `app-xxxxx-s0.framework.domain`: one task, the target of the SRV records.
 */
export function appRecords({ appId, endpoints }: AppEndpoints, settings: RecordSettings): AppRecords {
  const names = appNames(appId);
  const own = endpoints.flatMap((endpoint) => [
    ...taskRecords(endpoint, names.alias, settings),
    ...recordsUnder(names.own, endpoint, names.alias, settings),
  ]);
  const alias =
    names.alias === names.own
      ? []
      : endpoints.flatMap((endpoint) => recordsUnder(names.alias, endpoint, names.alias, settings));
  return { own: distinct(own), alias: distinct(alias) };
}

function targetOf({ taskId, agentId }: Endpoint, alias: string, settings: RecordSettings): string {
  return `${taskLabel(alias, settings.digest(taskId), agentId)}.${settings.framework}`;
}

function taskRecords(endpoint: Endpoint, alias: string, settings: RecordSettings): readonly NameRecord[] {
  const target = targetOf(endpoint, alias, settings);
  return [
    addressRecord(`${target}.${settings.domain}`, endpoint.ip),
    addressRecord(`${target}.slave.${settings.domain}`, endpoint.agentIp),
  ];
}

function recordsUnder(
  name: string,
  endpoint: Endpoint,
  alias: string,
  settings: RecordSettings,
): readonly NameRecord[] {
  const { domain, framework } = settings;
  const target = `${targetOf(endpoint, alias, settings)}.${domain}`;
  const services = endpoint.ports.flatMap(({ number, protocol, name: portName }): NameRecord[] => {
    const service = `_${name}._${protocol}.${framework}.${domain}`;
    const record = { type: 'SRV', target, port: number } as const;
    return [
      { ...record, name: service },
      ...(portName === undefined ? [] : [{ ...record, name: `_${hostLabel(portName)}.${service}` }]),
    ];
  });
  return [
    addressRecord(`${name}.${framework}.${domain}`, endpoint.ip),
    addressRecord(`${name}.${framework}.slave.${domain}`, endpoint.agentIp),
    ...services,
  ];
}

export function addressRecord(name: string, address: string): NameRecord {
  return { type: address.includes(':') ? 'AAAA' : 'A', name, address };
}

function distinct(records: readonly NameRecord[]): readonly NameRecord[] {
  return [...new Map(records.map((record) => [JSON.stringify(record), record])).values()];
}
