import { spawn } from 'node:child_process';
import { Agent, request } from 'node:http';
import { Longrun } from '../test/e2e/support/longrun.js';
import { waitFor } from '../test/support/wait-for.js';
import { EventStream } from './_events.js';
import { quantile, type Row, report } from './_report.js';

/**
 * POST sent to TASK_RUNNING on /v2/events, and POST to the first 200 through the load balancer, beside the limit:
 * a bare spawn of the same program. Sequential, then ten at once (each such burst from rest), then ten always under way.
 * Usage: npm run bench -- deploy [posts]
 */
const posts = Number(process.argv[2] ?? 500);

const sleeper = (id: string): Record<string, unknown> => ({
  id,
  cmd: 'exec sleep 1000',
  cpus: 0.001,
  mem: 32,
  portDefinitions: [],
});

async function main(): Promise<void> {
  const longrun = await Longrun.start(
    '--resources',
    'cpus:64;mem:65536;disk:10000;ports:[31000-32000]',
    '--log-level',
    'warn',
  );
  const running = new Map<string, number>();
  const stream = new EventStream(
    longrun.ready.api,
    ({ data, atMs }) => {
      if (data['taskStatus'] === 'TASK_RUNNING') running.set(String(data['appId']), atMs);
    },
    ['status_update_event'],
  );
  try {
    await stream.open();
    const agent = new Agent({ keepAlive: true });
    const post = (app: Record<string, unknown>): Promise<number> =>
      new Promise((done, failed) => {
        const body = JSON.stringify(app);
        const sentMs = performance.now();
        const req = request(
          new URL('/v2/apps', longrun.ready.api),
          {
            method: 'POST',
            agent,
            headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
          },
          (response) => {
            response.resume();
            response.on('end', () =>
              response.statusCode === 201
                ? done(sentMs)
                : failed(new Error(`POST answered ${response.statusCode}`)),
            );
          },
        );
        req.on('error', failed);
        req.end(body);
      });
    const one = async (id: string): Promise<number> => {
      const sentMs = await post(sleeper(id));
      const at = await waitFor(() => running.get(id), { what: `${id} to run` });
      return at - sentMs;
    };
    const rows: Row[] = [];
    const bare: number[] = [];
    for (let i = 0; i < Math.min(posts, 100); i++) bare.push(await bareSpawn());
    await one('/warm-up');
    const sequential: number[] = [];
    for (let i = 0; i < posts; i++) {
      sequential.push(await one(`/seq-${i}`));
      await longrun.request('DELETE', `/v2/apps/seq-${i}`);
    }
    const bursts: number[] = [];
    for (let i = 0; i < posts; i += 10) {
      const ids = Array.from({ length: 10 }, (_, k) => `burst-${i + k}`);
      bursts.push(...(await Promise.all(ids.map((id) => one(`/${id}`)))));
      for (const id of ids) await longrun.request('DELETE', `/v2/apps/${id}`);
    }
    const concurrent: number[] = [];
    let next = 0;
    await Promise.all(
      Array.from({ length: 10 }, async () => {
        while (next < posts) {
          const i = next++;
          concurrent.push(await one(`/con-${i}`));
          await longrun.request('DELETE', `/v2/apps/con-${i}`);
        }
      }),
    );
    const first200: number[] = [];
    for (let i = 0; i < Math.min(posts, 60); i++) first200.push(await toFirst200(longrun, post, i));
    rows.push(
      { what: 'bare spawn of the same program, p50', value: quantile(bare, 0.5), unit: 'ms' },
      {
        what: 'POST to TASK_RUNNING, sequential, p50',
        value: quantile(sequential, 0.5),
        unit: 'ms',
        target: '<= 30',
      },
      {
        what: 'POST to TASK_RUNNING, sequential, p95',
        value: quantile(sequential, 0.95),
        unit: 'ms',
        target: '<= 80',
      },
      {
        what: 'POST to TASK_RUNNING, 10 at once, p50',
        value: quantile(bursts, 0.5),
        unit: 'ms',
        target: '<= 30',
      },
      {
        what: 'POST to TASK_RUNNING, 10 at once, p95',
        value: quantile(bursts, 0.95),
        unit: 'ms',
        target: '<= 80',
      },
      {
        what: 'POST to TASK_RUNNING, 10 always under way, p50',
        value: quantile(concurrent, 0.5),
        unit: 'ms',
      },
      {
        what: 'POST to TASK_RUNNING, 10 always under way, p95',
        value: quantile(concurrent, 0.95),
        unit: 'ms',
      },
      {
        what: 'POST to first 200 through the load balancer, p50',
        value: quantile(first200, 0.5),
        unit: 'ms',
        target: '<= 100',
      },
      {
        what: 'POST to first 200 through the load balancer, p95',
        value: quantile(first200, 0.95),
        unit: 'ms',
      },
    );
    report('deploy', rows);
  } finally {
    stream.close();
    await longrun.destroy();
  }
}

function bareSpawn(): Promise<number> {
  const started = performance.now();
  const child = spawn('/bin/sh', ['-c', 'exec sleep 1000'], { stdio: 'ignore' });
  return new Promise((done) => {
    child.on('spawn', () => {
      done(performance.now() - started);
      child.kill('SIGKILL');
    });
  });
}

/** A server that starts at once: busybox-less, a shell one cannot listen, so the smallest Perl program that answers. */
const PERL_SERVER =
  'exec perl -MIO::Socket::INET -e \'$s=IO::Socket::INET->new(LocalPort=>$ENV{PORT0},Listen=>64,ReuseAddr=>1) or die; while($c=$s->accept){ sysread($c,$b,4096); print $c "HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\nConnection: close\\r\\n\\r\\nok"; close $c }\'';

async function toFirst200(
  longrun: Longrun,
  post: (app: Record<string, unknown>) => Promise<number>,
  i: number,
): Promise<number> {
  const host = `first-${i}.test`;
  const sentMs = await post({
    id: `/first-${i}`,
    cmd: PERL_SERVER,
    cpus: 0.01,
    mem: 32,
    portDefinitions: [{ port: 0, name: 'http' }],
    healthChecks: [
      { protocol: 'HTTP', path: '/', intervalSeconds: 5, timeoutSeconds: 2, gracePeriodSeconds: 30 },
    ],
    labels: { HAPROXY_0_VHOST: host, HAPROXY_GROUP: 'external' },
    taskKillGracePeriodSeconds: 1,
  });
  for (;;) {
    const status = await new Promise<number>((done) => {
      request(longrun.ready.lb, { headers: { host }, agent: false }, (response) => {
        response.resume();
        done(response.statusCode ?? 0);
      })
        .on('error', () => done(0))
        .end();
    });
    if (status === 200) break;
    if (performance.now() - sentMs > 20_000) throw new Error(`${host} does not answer`);
    await new Promise((again) => setTimeout(again, 1));
  }
  const took = performance.now() - sentMs;
  await longrun.request('DELETE', `/v2/apps/first-${i}`);
  return took;
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  process.exitCode = 1;
});
