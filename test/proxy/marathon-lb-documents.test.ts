import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AppId } from '../../src/apps/app.js';
import { appMap, configText, vhostMap } from '../../src/proxy/stats/marathon-lb-documents.js';
import type { RoutingTable } from '../../src/proxy/table.js';
import { serverAt, service } from './rig.js';

const table: RoutingTable = {
  epoch: 3,
  version: 7,
  services: {
    b: service([serverAt(31001), serverAt(31002)], {
      appId: '/shop/web' as AppId,
      vhosts: ['web.test', '*.web.test'],
      paths: ['/api', '/v2'],
      ignorePathCase: true,
      balance: 'leastconn',
      sticky: true,
    }),
    a: service([], { appId: '/db' as AppId, servicePort: 10_001, mode: 'tcp', vhosts: [] }),
  },
};
const text = (pieces: Iterable<string>): string => [...pieces].join('');
const hasHaproxy = spawnSync('haproxy', ['-v']).error === undefined;

describe('what marathon-lb’s readers are told', () => {
  it('is a line per host, and per app that speaks HTTP', () => {
    expect(text(vhostMap(table))).toBe('web.test shop_web_10000\n*.web.test shop_web_10000\n');
    expect(text(appMap(table))).toBe('/shop/web shop_web_10000\n');
  });

  it('is the table in HAProxy’s language', () => {
    const config = text(configText(table, { lb: 9_080, stats: 9_090 }));
    expect(config).toContain(
      '  use_backend shop_web_10000 if { hdr(host) -i web.test } { path_beg -i /api /v2 }\n' +
        '  use_backend shop_web_10000 if { hdr_end(host) -i .web.test } { path_beg -i /api /v2 }\n',
    );
    expect(config).toContain(
      'backend shop_web_10000\n  balance leastconn\n  mode http\n  cookie mesosphere_server_id insert indirect nocache\n' +
        '  server localhost_127_0_0_1_31001 127.0.0.1:31001\n',
    );
    expect(config).toContain('frontend db_10001\n  bind *:10001\n  mode tcp\n  use_backend db_10001\n');
  });

  (hasHaproxy ? it : it.skip)('is taken by a real HAProxy', () => {
    const dir = mkdtempSync(join(tmpdir(), 'longrun-haproxy-'));
    const file = join(dir, 'haproxy.cfg');
    writeFileSync(file, text(configText(table, { lb: 9_080, stats: 9_090 })));
    const { status, stdout, stderr } = spawnSync('haproxy', ['-c', '-f', file], { encoding: 'utf8' });
    rmSync(dir, { recursive: true, force: true });
    expect({ status, output: status === 0 ? '' : stdout + stderr }).toEqual({ status: 0, output: '' });
  });
});
