import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { waitFor } from '../support/wait-for.js';
import { RunningCommand } from './support/command.js';
import { ask } from './support/http.js';
import { Load, stopLoads } from './support/load.js';
import { type AppJson, Longrun, webApp } from './support/longrun.js';

const TARGET = 3;
const PATIENCE_MS = 120_000;

interface Row {
  readonly pxname: string;
  readonly svname: string;
  readonly status: string;
  readonly qcur: number;
  readonly scur: number;
}

/** marathon-lb's statistics as its script reads them: every column a field, by the names of the head line. */
function rowsOf(csv: string): readonly Row[] {
  const [head = '', ...lines] = csv.trimEnd().split('\n');
  const names = head.replace(/^# /, '').replace(/,$/, '').split(',');
  // The script makes a field of each column: a name that no field can have ends it.
  expect(names.filter((name) => !/^[a-z][a-z0-9_]*$/i.test(name))).toEqual([]);
  return lines.map((line) => {
    const cells = line.split(',');
    const cell = (name: string): string => cells[names.indexOf(name)] ?? '';
    const [pxname, svname, status] = [cell('pxname'), cell('svname'), cell('status')];
    return { pxname, svname, status, qcur: Number(cell('qcur')), scur: Number(cell('scur')) };
  });
}

/**
 * Blue and green as marathon-lb's own deployment script does them: two apps of one deployment group, scaled against each other by
 * what the statistics of all load balancers say. It knows nothing of this system but Marathon's API and marathon-lb's pages.
 */
describe('a deployment by two colours, driven from outside', () => {
  let longrun: Longrun;
  let inside: RunningCommand;
  let lbs: readonly string[] = [];
  let servicePort = 0;

  beforeAll(async () => {
    longrun = await Longrun.start('--lb-workers', '2');
    servicePort = longrun.firstServicePort + 7;
    const token = join(longrun.workDir, 'token');
    const own = ['--lb-http-port', '0', '--lb-stats-port', '0', '--lb-app-id-port', '0', '--disable-dns'];
    inside = new RunningCommand([
      ...['proxy', '--server', longrun.ready.master, '--token-file', token, ...own],
      ...['--lb-address', '127.0.0.2', '--lb-group', 'inside'],
    ]);
    await inside.up();
    lbs = [longrun.ready.stats, inside.urls['stats'] ?? ''];
  }, 60_000);
  afterEach(stopLoads);
  afterAll(async () => {
    await inside.end('SIGINT').catch(() => undefined);
    await longrun.destroy();
    rmSync(inside.workDir, { recursive: true, force: true, maxRetries: 5 });
  }, 60_000);

  const read = async (lb: string, path: string): Promise<string> => {
    const { status, text } = await ask(`${lb}${path}`);
    if (status !== 200) throw new Error(`${path} of ${lb}: ${status} ${text}`);
    return text;
  };
  const colour = (name: 'blue' | 'green', startedAt: string, instances: number, port: number) =>
    webApp(`/web-${name}`, {
      instances,
      portDefinitions: [{ port, name: 'http' }],
      env: { APP_VERSION: name, DIE_AT_ONCE: '1' },
      labels: {
        HAPROXY_GROUP: 'inside',
        HAPROXY_0_VHOST: 'web.test',
        HAPROXY_0_PORT: String(servicePort),
        HAPROXY_DEPLOYMENT_GROUP: 'web',
        HAPROXY_DEPLOYMENT_ALT_PORT: String(servicePort + 1),
        HAPROXY_DEPLOYMENT_COLOUR: name,
        HAPROXY_DEPLOYMENT_STARTED_AT: startedAt,
        HAPROXY_DEPLOYMENT_TARGET_INSTANCES: String(TARGET),
        HAPROXY_APP_ID: 'web',
      },
    });
  const app = async (name: string): Promise<AppJson> => {
    const found = await longrun.app(`/web-${name}`);
    if (!found) throw new Error(`there is no /web-${name}`);
    return found;
  };
  /** The servers of the group at every load balancer; undefined while one of them reloads. */
  const listeners = async (): Promise<readonly Row[] | undefined> => {
    for (const lb of lbs)
      if ((await read(lb, '/_haproxy_getpids')).trim().split(/\s+/).length > 1) return undefined;
    const all = await Promise.all(lbs.map(async (lb) => rowsOf(await read(lb, '/haproxy?stats;csv'))));
    return all
      .flat()
      .filter(({ pxname, svname }) => pxname === `web_${servicePort}` && !/^(FRONT|BACK)END$/.test(svname));
  };
  /** Tasks that no load balancer sends anything to any more, once all of them agree on who is there. */
  const drained = async (oldApp: AppJson, newApp: AppJson): Promise<readonly string[] | undefined> => {
    const rows = await listeners();
    if (!rows || rows.length / lbs.length !== oldApp.instances + newApp.instances) return undefined;
    if (rows.filter(({ status }) => status === 'UP').length / lbs.length < TARGET) return undefined;
    const out = rows.filter(({ status, qcur, scur }) => status === 'MAINT' && qcur === 0 && scur === 0);
    const ids = oldApp.tasks.filter(({ host, ports }) => {
      const name = `${host.replaceAll('.', '_')}_${/^[\d.]+$/.test(host) ? '' : '127_0_0_1_'}${ports[0]}`;
      return out.filter(({ svname }) => svname === name).length === lbs.length;
    });
    return ids.length > 0 ? ids.map(({ id }) => id) : undefined;
  };

  it('ends with the new colour alone and no failed request, with marathon-lb’s labels and pages only', async () => {
    await longrun.deploy(colour('blue', '2026-01-01T00:00:00', TARGET, servicePort), PATIENCE_MS);
    const common = { host: 'web.test', clients: 1, pauseMs: 10, timeoutMs: 60_000, webSocket: false };
    const kinds = ['keep-alive GET', 'fresh GET', 'POST'];
    const urls = [longrun.ready.lb, inside.urls['lb'] ?? '', `http://127.0.0.1:${servicePort}`];
    const loads = urls.map((url) => new Load({ ...common, kinds, url }));
    await waitFor(() => loads.every(({ sent }) => sent > 20), { timeoutMs: 30_000, what: 'load on both' });

    await longrun.deploy(colour('green', '2026-02-02T00:00:00', 1, servicePort + 1), PATIENCE_MS);
    for (;;) {
      const newApp = await longrun.settled('/web-green', PATIENCE_MS);
      const oldApp = await longrun.settled('/web-blue', PATIENCE_MS);
      const last: { rows?: readonly Row[] | undefined } = {};
      const ids = await waitFor(
        async () => {
          last.rows = await listeners();
          return drained(oldApp, newApp);
        },
        { timeoutMs: PATIENCE_MS, what: () => `drained servers; last seen ${JSON.stringify(last.rows)}` },
      );
      if (newApp.instances === TARGET && ids.length === oldApp.instances) break;
      const killed = await longrun.request('POST', '/v2/tasks/delete?scale=true', { ids });
      expect(killed.status).toBe(200);
      await longrun.settled('/web-blue', PATIENCE_MS);
      if (newApp.instances < TARGET) {
        const instances = Math.min(TARGET, newApp.instances + 1);
        expect((await longrun.request('PUT', '/v2/apps/web-green', { instances })).status).toBe(200);
      }
    }
    expect((await longrun.request('DELETE', '/v2/apps/web-blue')).status).toBe(200);
    await waitFor(async () => (await longrun.app('/web-blue')) === undefined, { timeoutMs: PATIENCE_MS });
    const after = await app('green');
    expect([after.instances, after.tasks.length]).toEqual([TARGET, TARGET]);
    const sent = loads.map((load) => load.sent);
    await waitFor(() => loads.every((load, i) => load.sent > (sent[i] ?? 0) + 20), { timeoutMs: 30_000 });
    const results = await Promise.all(loads.map((load) => load.stop()));
    expect(results.map(({ failures }) => failures)).toEqual(results.map(() => []));
    for (const { tasks } of results) {
      const last = [...tasks].filter((task) => task.includes('green'));
      expect(last.length).toBeGreaterThan(0);
    }
  }, 300_000);

  it('is not served by a load balancer of another group, and signals need the token', async () => {
    await longrun.deploy(
      webApp('/edge', { labels: { HAPROXY_GROUP: 'edge', HAPROXY_0_VHOST: 'edge.test' } }),
      PATIENCE_MS,
    );
    const status = async (lb: string): Promise<number> =>
      (await ask(lb, { headers: { host: 'edge.test' } })).status;
    await waitFor(async () => (await status(longrun.ready.lb)) === 200, { timeoutMs: 30_000 });
    expect(await status(inside.urls['lb'] ?? '')).not.toBe(200);
    const token = readFileSync(join(longrun.workDir, 'token'), 'utf8').trim();
    for (const lb of lbs) {
      expect((await ask(`${lb}/_mlb_signal/hup`)).status).toBe(401);
      const signed = await ask(`${lb}/_mlb_signal/hup`, { headers: { authorization: `Bearer ${token}` } });
      expect(signed.status).toBe(200);
    }
  }, 120_000);
});
