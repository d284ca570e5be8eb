import { readdirSync } from 'node:fs';
import { Longrun } from '../test/e2e/support/longrun.js';
import { waitFor } from '../test/support/wait-for.js';
import { EventStream } from './_events.js';
import { type Row, report } from './_report.js';

/**
 * N real `sleep` instances on one agent, each in its own cgroup with its limits: up, and down; as tasks are isolated by
 * default, and beside it without namespaces of their own. Usage: npm run bench -- launch [instances]
 */
const instances = Number(process.argv[2] ?? 1000);

async function main(): Promise<void> {
  const byDefault = await measured('default');
  const without = await measured('none');
  report('launch', [
    ...byDefault,
    ...without.map((row) => ({ ...row, what: `${row.what}, with --isolation none` })),
  ]);
}

async function measured(isolation: string): Promise<Row[]> {
  const longrun = await Longrun.start(
    '--isolation',
    isolation,
    '--resources',
    'cpus:64;mem:131072;disk:10000;ports:[31000-32000]',
    '--log-level',
    'warn',
  );
  try {
    const app = {
      id: '/many',
      cmd: 'exec sleep 10000',
      cpus: 0.001,
      mem: 32,
      instances,
      portDefinitions: [],
      taskKillGracePeriodSeconds: 5,
    };
    let running = 0;
    const stream = new EventStream(
      longrun.ready.api,
      ({ data }) => {
        if (data['taskStatus'] === 'TASK_RUNNING') running += 1;
      },
      ['status_update_event'],
    );
    await stream.open();
    const started = performance.now();
    await longrun.request('POST', '/v2/apps', app);
    await waitFor(() => running >= instances, {
      timeoutMs: 240_000,
      what: () => `all to run, ${running} do`,
    });
    const up = performance.now() - started;
    const cgroups = countCgroups();
    const stopping = performance.now();
    await longrun.request('PATCH', '/v2/apps/many', { instances: 0 });
    await waitFor(
      async () => (await longrun.request<unknown[]>('GET', '/v2/deployments')).body.length === 0,
      { timeoutMs: 240_000, what: 'all to end' },
    );
    const down = performance.now() - stopping;
    stream.close();
    return [
      {
        what: `${instances} instances up`,
        value: instances / (up / 1000),
        unit: 'tasks/s',
        target: '>= 150',
      },
      {
        what: `${instances} instances down`,
        value: instances / (down / 1000),
        unit: 'tasks/s',
        target: '>= 150',
      },
      { what: 'up', value: up / 1000, unit: 's', target: "Marathon's CI allows 60 s" },
      { what: 'down', value: down / 1000, unit: 's' },
      { what: 'cgroups of their own while up', value: cgroups, unit: 'cgroups' },
    ];
  } finally {
    await longrun.destroy();
  }
}

function countCgroups(): number {
  let count = 0;
  const walk = (dir: string): void => {
    for (const entry of readdirSync(dir, { withFileTypes: true })) {
      if (!entry.isDirectory()) continue;
      count += 1;
      walk(`${dir}/${entry.name}`);
    }
  };
  for (const root of ['/sys/fs/cgroup/memory/longrun', '/sys/fs/cgroup/longrun']) {
    try {
      walk(root);
      return count;
    } catch {
      // The other version of cgroups.
    }
  }
  return count;
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  process.exitCode = 1;
});
