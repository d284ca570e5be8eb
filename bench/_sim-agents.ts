import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { packageRoot } from '../test/support/package-root.js';

/**
 * Simulated agents in a process of their own, over the real line: node _sim-agents.js MASTER-URL TOKEN-FILE COUNT RESOURCES
 * [HOST]. With HOST, an address of the loopback, all of them are said to be there, and every port that they offer accepts
 * connections there, so that their tasks are found open. Sends `registered` to its parent when all are.
 */
const [url = '', tokenFile = '', count = '1', resources = '', host] = process.argv.slice(2);

/** Accepts on every port; what somebody else listens on already accepts as well. */
async function listenOn(address: string, ports: Iterable<number>): Promise<void> {
  for (const port of ports) {
    const server = createServer((socket) => socket.destroy());
    server.listen(port, address);
    await Promise.race([once(server, 'listening'), once(server, 'error')]).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    });
  }
}

function* portsOf(text: string): Generator<number> {
  for (const [, from, to] of text.matchAll(/(\d+)-(\d+)/g))
    for (let port = Number(from); port <= Number(to); port++) yield port;
}

async function main(): Promise<void> {
  const dist = (path: string): string => join(packageRoot(), 'dist', path);
  const { LineClient } = (await import(
    dist('util/line/line-client.js')
  )) as typeof import('../src/util/line/line-client.js');
  const { SimAgent } = (await import(
    dist('simulation/sim-agent.js')
  )) as typeof import('../src/simulation/sim-agent.js');
  const { SystemClock } = (await import(dist('util/clock.js'))) as typeof import('../src/util/clock.js');
  const { SystemDice } = (await import(dist('util/ids.js'))) as typeof import('../src/util/ids.js');
  const { silentLog } = (await import(dist('logging/log.js'))) as typeof import('../src/logging/log.js');
  const { parseResources } = (await import(
    dist('embedded-mesos/protocol/resource-text.js')
  )) as typeof import('../src/embedded-mesos/protocol/resource-text.js');
  const line = (await import(
    dist('embedded-mesos/protocol/agent-line.js')
  )) as typeof import('../src/embedded-mesos/protocol/agent-line.js');
  if (host !== undefined) await listenOn(host, portsOf(resources));
  const clock = new SystemClock();
  const agents = Array.from({ length: Number(count) }, (_, index) => {
    const hostname = host ?? `simulated-${index + 1}`;
    return new SimAgent({
      hostname,
      port: 5051 + index,
      resources: parseResources(resources),
      clock,
      dice: new SystemDice(),
      dial: (handlers) => {
        const client = new LineClient<
          import('../src/embedded-mesos/protocol/agent-line.js').ToAgent,
          import('../src/embedded-mesos/protocol/agent-line.js').FromAgent
        >({
          url: () => url,
          path: line.AGENT_LINE_PATH,
          token: () => readFileSync(tokenFile, 'utf8').trim(),
          protocolVersion: line.AGENT_PROTOCOL_VERSION,
          peer: `${hostname} ${index + 1}`,
          handlers,
          clock,
          log: silentLog,
        });
        client.start();
        return client;
      },
    });
  });
  for (const agent of agents) agent.start();
  const watch = setInterval(() => {
    if (!agents.every(({ isRegistered }) => isRegistered)) return;
    clearInterval(watch);
    process.send?.('registered');
  }, 10);
  setInterval(() => undefined, 2 ** 30);
  process.on('disconnect', () => process.exit(0));
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  process.exit(1);
});
