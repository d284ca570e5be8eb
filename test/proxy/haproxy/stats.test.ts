import { silentLog } from '../../../src/logging/log.js';
import { NO_PLAN, planChange } from '../../../src/proxy/haproxy/decide/plan-change.js';
import { FollowedServices } from '../../../src/proxy/haproxy/followed-table.js';
import { Generations } from '../../../src/proxy/haproxy/generations.js';
import { HaproxyStats } from '../../../src/proxy/haproxy/haproxy-stats.js';
import type { RuntimeSocket } from '../../../src/proxy/haproxy/runtime-socket.js';
import { statsCsv } from '../../../src/proxy/stats/csv.js';
import type { Service } from '../../../src/proxy/table.js';
import { VirtualClock } from '../../../src/util/virtual-clock.js';
import { layoutOf, server, tableOf, web } from './world.js';

/** The numbers of HAProxy after it said these lines of `show stat`. */
function statsOf(services: readonly Service[], ...rows: readonly string[]): HaproxyStats {
  const names = '# pxname,svname,qcur,qmax,scur,smax,slim,stot,bin,bout,hrsp_5xx,';
  const runtime = { askWorker: async () => [names, ...rows, ''].join('\n') } as unknown as RuntimeSocket;
  const table = new FollowedServices(
    () => undefined,
    () => [],
  );
  table.replace({ epoch: 1, version: 1, services: tableOf(...services) });
  const generations = new Generations(runtime, () => undefined);
  generations.present(1, planChange(NO_PLAN, layoutOf(...services)).reload ?? NO_PLAN);
  return new HaproxyStats({
    runtime,
    generations,
    table,
    ports: { lbPort: 9_080, statsPort: 9_090 },
    connected: () => true,
    notServed: () => ({}),
    clock: new VirtualClock(),
    log: silentLog,
  });
}

describe("HAProxy's numbers", () => {
  const blue = web([server(1)], { appId: '/web-blue' as never, deploymentGroup: 'web' });
  const green = web([server(2), server(3)], {
    appId: '/web-green' as never,
    deploymentGroup: 'web',
    portIndex: 1,
  });
  /** Two that were answered without a server (503). */
  const rows = [
    'web-blue_10000,s1,0,0,1,4,,10,100,1000,0,',
    'web-blue_10000,s2,0,0,2,3,,20,200,2000,1,',
    'web-blue_10000,s3,0,0,0,2,,30,300,3000,0,',
    'web-blue_10000,BACKEND,0,0,3,9,200,62,620,6100,3,',
  ];

  it('of apps of one deployment group add up to those of the backend that they share', async () => {
    const services = { ...tableOf(blue), '/web-green:10000': green };
    const { services: told } = await statsOf(Object.values(services), ...rows).all();
    expect(
      told.map(({ appId, deploymentGroup, values: { scur, stot, bout, hrsp_5xx } }) => ({
        ...{ appId, deploymentGroup, scur, stot, bout, hrsp_5xx },
      })),
    ).toEqual([
      { appId: '/web-blue', deploymentGroup: 'web', scur: 1, stot: 12, bout: 1_100, hrsp_5xx: 2 },
      { appId: '/web-green', deploymentGroup: 'web', scur: 2, stot: 50, bout: 5_000, hrsp_5xx: 1 },
    ]);
  });

  it('are those of one proxy, which goes by the name of the group, for scripts that know marathon-lb', async () => {
    const csv = [...statsCsv(await statsOf([blue, green], ...rows).all(), { onlyUp: false })].join('');
    expect(
      [...csv.matchAll(/^web_10000,(\w+),\d*,\d*,(\d+),/gm)].map(([, name, now]) => `${name} ${now}`),
    ).toEqual(expect.arrayContaining(['BACKEND 3', 'host_10_0_0_1_31001 1', 'host_10_0_0_1_31002 2']));
    expect(csv).not.toContain('web-blue');
  });
});
