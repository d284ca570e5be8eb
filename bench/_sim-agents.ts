import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../test/support/package-root.js';

/**
 * Simulated agents in a process of their own, over the real line: node _sim-agents.js MASTER-URL TOKEN-FILE COUNT RESOURCES.
 * Sends `registered` to its parent when all are.
 */
const [url = '', tokenFile = '', count = '1', resources = ''] = process.argv.slice(2);

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
  const clock = new SystemClock();
  const agents = Array.from({ length: Number(count) }, (_, index) => {
    const hostname = `simulated-${index + 1}`;
    return new SimAgent({
      hostname,
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
          peer: hostname,
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
