// Inside the machine: what isolation holds on cgroup v2 under systemd, as root and as a plain user with a delegated cgroup.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, readlinkSync } from 'node:fs';

const worker = (id, more = {}) => ({ id, cmd: 'sleep 100000', cpus: 0.1, mem: 48, portDefinitions: [], ...more });
const fileOf = (dir, file) => readFileSync(`${dir}/${file}`, 'utf8').trim();

/** `tools`: what walk.mjs has: check, assert, http, until, cgroupOf. `api`: of the longrun that is asked. */
function running({ assert, http, until }, api) {
  return async (app) => {
    const posted = await http(`${api}/v2/apps`, { method: 'POST', body: app });
    assert(posted.status === 201, posted.text);
    const found = await until(`${app.id} to run`, async () => {
      const { app: now } = (await http(`${api}/v2/apps${app.id}`)).json();
      if (now.lastTaskFailure) throw new Error(now.lastTaskFailure.message);
      return now.tasksRunning === 1 && now;
    });
    return found.tasks[0].id;
  };
}

export async function checkIsolation(tools) {
  const { check, assert, cgroupOf } = tools;
  const run = running(tools, 'http://127.0.0.1:8080');
  await check('a task has process, ipc and mount namespaces of its own', async () => {
    const dir = cgroupOf(await run(worker('/apart')));
    const pids = fileOf(dir, 'cgroup.procs').split('\n');
    for (const name of ['pid', 'ipc', 'mnt'])
      assert(readlinkSync(`/proc/${pids[0]}/ns/${name}`) !== readlinkSync(`/proc/self/ns/${name}`), `${name} is the host's`);
  });
  await check('ceilings of cpu and memory, "unlimited" included', async () => {
    const limited = cgroupOf(await run(worker('/limited', { resourceLimits: { cpus: 0.5, mem: 96 } })));
    assert(fileOf(limited, 'cpu.max') === '50000 100000', fileOf(limited, 'cpu.max'));
    assert(Number(fileOf(limited, 'memory.max')) === 96 * 2 ** 20, fileOf(limited, 'memory.max'));
    const free = cgroupOf(await run(worker('/free', { resourceLimits: { cpus: 'unlimited', mem: 'unlimited' } })));
    assert(fileOf(free, 'cpu.max').startsWith('max') && fileOf(free, 'memory.max') === 'max', 'still limited');
  });
  await check('processes and io are bounded by labels', async () => {
    const labels = { LONGRUN_PIDS: '20', LONGRUN_IO_BYTES_PER_SECOND: '1048576' };
    const dir = cgroupOf(await run(worker('/bounded', { labels })));
    assert(fileOf(dir, 'pids.max') === '20', fileOf(dir, 'pids.max'));
    assert(fileOf(dir, 'io.max').includes('wbps=1048576'), fileOf(dir, 'io.max'));
  });
  await check('strict isolation: own /tmp, no new privileges, no capabilities, the host read-only', async () => {
    const cmd = 'touch /tmp/from-strict; touch /etc/from-strict; exec sleep 100000';
    const dir = cgroupOf(await run(worker('/strict', { cmd, isolation: 'strict' })));
    const status = readFileSync(`/proc/${fileOf(dir, 'cgroup.procs').split('\n')[0]}/status`, 'utf8');
    assert(/NoNewPrivs:\s1/.test(status) && /CapBnd:\s0+\n/.test(status), status);
    assert(!existsSync('/tmp/from-strict') && !existsSync('/etc/from-strict'), 'it wrote to the host');
  });
}

export async function checkDelegation(tools) {
  const { check, assert, cgroupOf, http, until } = tools;
  const api = 'http://127.0.0.1:8180';
  await check('a plain user with a delegated cgroup has limits, and out-of-memory kills are told', async () => {
    execFileSync('useradd', ['-m', 'ann']);
    const ports = ['--http-port', '8180', '--master-port', '5150', '--agent-port', '5151', '--lb-http-port', '9180', '--lb-stats-port', '9190'];
    const unit = ['--unit=longrun-ann', '--uid=ann', '-p', 'Delegate=yes', '-p', 'KillMode=process', '--setenv=HOME=/home/ann', '--setenv=PATH=/usr/local/bin:/usr/bin:/bin'];
    execFileSync('systemd-run', [...unit, 'longrun', 'up', '--work-dir', '/home/ann/work', '--disable-dns', '--service-ports', '20001-20100', ...ports]);
    await until('the API', async () => (await http(`${api}/ping`)).status === 200);
    const dir = cgroupOf(await running(tools, api)(worker('/hers')));
    assert(dir.includes('longrun-ann.service/longrun/'), dir);
    assert(Number(fileOf(dir, 'memory.max')) === 48 * 2 ** 20, fileOf(dir, 'memory.max'));
    assert(fileOf(dir, 'pids.max') === '4096', fileOf(dir, 'pids.max'));
    const cmd = 'head -c 200000000 /dev/zero | tail -c 190000000 >/dev/null';
    await http(`${api}/v2/apps`, { method: 'POST', body: worker('/hog', { cmd, backoffSeconds: 60 }) });
    const failure = await until('the failure', async () => (await http(`${api}/v2/apps/hog`)).json().app.lastTaskFailure);
    assert(/[Mm]emory limit exceeded/.test(failure.message), failure.message);
    return dir;
  });
}
