import { waitFor } from '../../support/wait-for.js';
import { AgentWorld } from './agent-world.js';
import { readFileSync } from 'node:fs';
it('perf', async () => {
  const world = await new AgentWorld().start();
  const n = 600;
  const tasks = Array.from({ length: n }, () => world.task('exec sleep 10000', { mem: 32 }));
  const t0 = performance.now();
  for (let i = 0; i < n; i += 50) world.run(...tasks.slice(i, i + 50));
  await waitFor(() => new Set(world.statuses.filter((s) => s.state === 'TASK_RUNNING').map((s) => s.task_id.value)).size === n, { timeoutMs: 60000 });
  const up = performance.now() - t0;
  const cpu = (pid: number) => { const f = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' '); return Number(f[11]) + Number(f[12]); };
  const pid = (world as any).pid;const ac=cpu(pid);
  console.log('up', n / (up / 1000), '/s', 'agent cpu ms/task', cpu(pid)*10/n, 'pump', cpu(world.servants('log-pump')[0]!)*10/n);
  await new Promise((r) => setTimeout(r, 1000));
  const single: number[] = [];
  for (let i = 0; i < 20; i++) { const t = performance.now(); const id = world.launch('exec sleep 1000'); await waitFor(() => world.updates(id).length > 0); single.push(performance.now() - t); }
  console.log('single ms', single.sort((a, b) => a - b).map((x) => x.toFixed(0)).join(' '));
  const pump = world.servants("log-pump")[0]!;
  console.log('pump', readFileSync(`/proc/${pump}/smaps_rollup`, 'utf8').match(/Pss:.*|Rss:.*/g));
  const sup = world.servants('supervisor-1')[0]!;
  console.log('sup', readFileSync(`/proc/${sup}/smaps_rollup`, 'utf8').match(/Pss:.*|Private_Dirty:.*/g));
  const c0 = cpu(pump); await new Promise((r) => setTimeout(r, 3000)); console.log('pump idle ticks/3s', cpu(pump) - c0);
  const t1 = performance.now();
  for (const t of tasks) world.kill(t.task_id.value);
  await waitFor(() => new Set(world.statuses.filter((s) => s.state === 'TASK_KILLED').map((s) => s.task_id.value)).size >= n, { timeoutMs: 60000 });
  console.log('down', n / ((performance.now() - t1) / 1000), '/s');
  console.log(await world.close());
}, 200000);
