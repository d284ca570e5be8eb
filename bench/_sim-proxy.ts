import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../test/support/package-root.js';

/**
 * A load balancer that only looks: node _sim-proxy.js MASTER-URL TOKEN-FILE. Tells its parent how many services and servers each
 * table that it is pushed holds.
 */
const [url = '', tokenFile = ''] = process.argv.slice(2);

async function main(): Promise<void> {
  const dist = (path: string): string => join(packageRoot(), 'dist', path);
  const { LineClient } = (await import(
    dist('util/line/line-client.js')
  )) as typeof import('../src/util/line/line-client.js');
  const { SystemClock } = (await import(dist('util/clock.js'))) as typeof import('../src/util/clock.js');
  const { silentLog } = (await import(dist('logging/log.js'))) as typeof import('../src/logging/log.js');
  const { PROXY_LINE_PATH, PROXY_PROTOCOL_VERSION } = (await import(
    dist('proxy/table.js')
  )) as typeof import('../src/proxy/table.js');
  const client = new LineClient<
    import('../src/proxy/table.js').ToProxy,
    import('../src/proxy/table.js').FromProxy
  >({
    url: () => url,
    path: PROXY_LINE_PATH,
    token: () => readFileSync(tokenFile, 'utf8').trim(),
    protocolVersion: PROXY_PROTOCOL_VERSION,
    peer: 'bench-proxy',
    handlers: {
      onReset: () =>
        client.send({
          type: 'HELLO',
          proxyId: 'bench-proxy',
          pid: process.pid,
          bootId: 'bench',
          host: 'bench',
        }),
      onMessage: (message) => {
        if (message.type === 'LEASE') client.send({ type: 'LEASE' });
        if (message.type === 'DELTA')
          client.send({ type: 'ACK', epoch: message.delta.epoch, version: message.delta.to });
        if (message.type !== 'SNAPSHOT') return;
        const { epoch, version, services } = message.table;
        client.send({ type: 'ACK', epoch, version });
        const all = Object.values(services);
        const servers = all.reduce((sum, service) => sum + service.servers.length, 0);
        process.send?.({ epoch, services: all.length, servers });
      },
    },
    clock: new SystemClock(),
    log: silentLog,
    retryMs: 20,
    maxRetryMs: 100,
  });
  client.start();
  setInterval(() => client.send({ type: 'LEASE' }), 2_500);
  process.on('disconnect', () => process.exit(0));
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  process.exit(1);
});
