import { waitFor } from '../support/wait-for.js';
import { Load } from './support/load.js';
import { Longrun, webApp } from './support/longrun.js';
it('times', async () => {
  const longrun = await Longrun.start();
  const log: string[] = [];
  const t0 = Date.now();
  const say = (s: string) => { log.push(`${((Date.now() - t0) / 1000).toFixed(2)} ${s}`); };
  try {
    await longrun.deploy(webApp('/web', { instances: 3, env: { APP_VERSION: '0' }, labels: { HAPROXY_0_VHOST: 'web.test', HAPROXY_GROUP: 'external' }, loadBalancer: { drainSeconds: 3 } }));
    const load = new Load({ url: longrun.ready.lb, host: 'web.test' });
    await longrun.request('PATCH', '/v2/apps/web?force=true', { env: { APP_VERSION: '1' } });
    await new Promise((n) => setTimeout(n, 700));
    say('kill');
    process.kill(longrun.ready.pids.parent, 'SIGKILL');
    await waitFor(() => longrun.process.signalCode !== null);
    const then = load.sent;
    await waitFor(() => load.sent > then + 200);
    say('200 more');
    await load.stop();
    say('load stopped');
    longrun.output.length = 0;
    await longrun.up();
    say('up');
    let last = '';
    await waitFor(async () => {
      const a = await longrun.app('/web').catch(() => undefined) as any;
      const d = (await longrun.request('GET', '/v2/deployments')).body as any;
      const now = JSON.stringify({ d: a?.deployments.length, t: a?.tasks.map((t: any) => [t.id.slice(13, 21), t.state, t.draining]), h: a?.tasksHealthy, w: d[0]?.waiting });
      if (now !== last) say(last = now);
      return a?.deployments.length === 0 && longrun.taskPids().length === 3;
    }, { timeoutMs: 60000 });
  } finally {
    say('destroy');
    require('node:fs').writeFileSync('/tmp/probe.log', log.join('\n') + '\n' + longrun.output.join(''));
    await longrun.destroy();
  }
}, 120_000);
