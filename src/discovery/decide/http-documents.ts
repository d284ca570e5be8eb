import type { AppEndpoints } from '../endpoint.js';
import type { Zone } from '../zone.js';
import { appRecords, type NameRecord } from './app-records.js';

/** `GET /v1/hosts/{host}`: one row per address; a single row of empty texts when there is none (Mesos-DNS's manner). */
export function hostRows(zone: Zone, host: string): readonly { host: string; ip: string }[] {
  const name = plain(host);
  const rows = addresses(zone.lookup(name) ?? []).map((ip) => ({ host: `${name}.`, ip }));
  return rows.length > 0 ? rows : [{ host: '', ip: '' }];
}

export interface ServiceRow {
  readonly service: string;
  readonly host: string;
  readonly ip: string;
  /** As text. */
  readonly port: string;
}

/** `GET /v1/services/{service}`: one row per SRV record and address of its host; a row of empty texts when there is none. */
export function serviceRows(zone: Zone, service: string): readonly ServiceRow[] {
  const name = plain(service);
  const rows = (zone.lookup(name) ?? []).flatMap((record) =>
    record.type === 'SRV'
      ? addresses(zone.lookup(record.target) ?? []).map((ip) => ({
          service: name,
          host: `${record.target}.`,
          ip,
          port: String(record.port),
        }))
      : [],
  );
  return rows.length > 0 ? rows : [{ service: '', host: '', ip: '', port: '' }];
}

/** `GET /v1/enumerate`: every task with the names that lead to it. */
export function enumerateDocument(zone: Zone, apps: Iterable<AppEndpoints>): unknown {
  const tasks = [...apps].flatMap(({ appId, endpoints }) =>
    endpoints.map((endpoint) => {
      const { own, alias } = appRecords({ appId, endpoints: [endpoint] }, zone.settings);
      return {
        name: appId.split('/').filter(Boolean).reverse().join('.'),
        id: endpoint.taskId,
        records: [...own, ...alias].map((record) => ({
          name: `${record.name}.`,
          host: record.type === 'SRV' ? `${record.target}.:${record.port}` : record.address,
          rtype: record.type,
        })),
      };
    }),
  );
  return { frameworks: tasks.length > 0 ? [{ name: zone.settings.framework, tasks }] : [] };
}

const plain = (name: string): string => name.toLowerCase().replace(/\.$/, '');

const addresses = (records: readonly NameRecord[]): readonly string[] =>
  records.flatMap((record) => (record.type === 'SRV' ? [] : [record.address]));
