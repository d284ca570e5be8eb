import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Files of the child processes, beside this one in dist/. The only place that asks where the package lies. */
export const entries = {
  server: fileURLToPath(new URL('../server/server-main.js', import.meta.url)),
  agent: fileURLToPath(new URL('./agent-main.js', import.meta.url)),
  proxyWorker: fileURLToPath(new URL('../proxy/worker-main.js', import.meta.url)),
  prober: fileURLToPath(new URL('../health/prober-main.js', import.meta.url)),
  logPump: fileURLToPath(new URL('../embedded-mesos/containers/log-pump/main.js', import.meta.url)),
  fetcher: fileURLToPath(new URL('../embedded-mesos/containers/fetcher/main.js', import.meta.url)),
  diskWalk: fileURLToPath(new URL('../embedded-mesos/agent/disk/main.js', import.meta.url)),
  exec: fileURLToPath(new URL('../embedded-mesos/agent/exec/main.js', import.meta.url)),
  ask: fileURLToPath(new URL('../embedded-mesos/agent/checks/ask-main.js', import.meta.url)),
  contract: fileURLToPath(new URL('../../openapi.yaml', import.meta.url)),
  compiledContract: fileURLToPath(new URL('../api/contract/compiled-contract.js', import.meta.url)),
  contractJson: fileURLToPath(new URL('../api/contract/openapi.json', import.meta.url)),
  docsPage: fileURLToPath(new URL('../api/docs-page/', import.meta.url)),
  package: fileURLToPath(new URL('../../package.json', import.meta.url)),
} as const;

/** V8 flags per process: these run for years with small heaps, so young generations are kept small too. */
export const execArgv = {
  server: ['--max-semi-space-size=8'],
  small: ['--max-semi-space-size=2'],
  /** Requests in flight must not grow old: with hundreds of connections a smaller one costs a sixth more per request. It grows with use. */
  proxy: ['--max-semi-space-size=8'],
} as const;

/** Version of this package. */
export function packageVersion(): string {
  return (JSON.parse(readFileSync(entries.package, 'utf8')) as { version: string }).version;
}
