// Runs inside the emulated Debian 12 machine (systemd, cgroup v2), as root: walks the README's tour, checks every task's
// cgroup, reboots, and checks that all apps came back. Prints one line per check and `VM RESULT: N passed, N failed`.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { checkDelegation, checkIsolation } from './isolation.mjs';

const home = '/opt/longrun';
const resultFile = '/var/lib/vm-walk.json';
const api = 'http://127.0.0.1:8080';
const state = existsSync(resultFile) ? JSON.parse(readFileSync(resultFile, 'utf8')) : { boot: 1, passed: 0, failed: 0 };

function say(text) {
  for (const line of text.trimEnd().split('\n')) process.stdout.write(`VM ${line}\n`);
}

async function check(what, run) {
  try {
    const detail = await run();
    state.passed += 1;
    say(`ok      ${what}${detail ? `: ${detail}` : ''}`);
  } catch (error) {
    state.failed += 1;
    say(`FAILED  ${what}: ${error?.message ?? error}`);
  }
}

function assert(condition, message) {
  if (!condition) throw new Error(message);
}

function http(url, { method = 'GET', body, headers = {} } = {}) {
  return new Promise((done, fail) => {
    const req = request(url, { method, agent: false, headers: { ...(body ? { 'content-type': 'application/json' } : {}), ...headers } }, (response) => {
      let text = '';
      response.on('data', (chunk) => { text += chunk; });
      response.on('end', () => done({ status: response.statusCode, text, json: () => JSON.parse(text) }));
    });
    req.on('error', fail);
    req.setTimeout(60_000, () => req.destroy(new Error('no answer in 60 s')));
    req.end(body ? JSON.stringify(body) : undefined);
  });
}

async function until(what, run, limitMs = 240_000) {
  const end = Date.now() + limitMs;
  let last;
  for (;;) {
    try {
      const value = await run();
      if (value) return value;
    } catch (error) {
      last = error;
    }
    if (Date.now() > end) throw new Error(`waited ${limitMs / 1000} s in vain for ${what}${last ? ` (${last.message})` : ''}`);
    await new Promise((again) => setTimeout(again, 250));
  }
}

const appOf = async (id) => (await http(`${api}/v2/apps${id}`)).json().app;
const healthy = (id, n) => until(`${n} healthy ${id}`, async () => {
  const app = await appOf(id);
  return app.tasksRunning === n && (app.healthChecks === undefined || app.tasksHealthy === n) && app.deployments.length === 0 && app;
});

/** cgroup directories (v2) that hold a task of ours: found through the pids whose environment names it. */
function cgroupOf(taskId) {
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      if (!readFileSync(`/proc/${pid}/environ`, 'utf8').includes(`MESOS_TASK_ID=${taskId}\0`)) continue;
      const path = readFileSync(`/proc/${pid}/cgroup`, 'utf8').split('\n').find((line) => line.startsWith('0::'))?.slice(3);
      if (path) return `/sys/fs/cgroup${path}`;
    } catch {
      // Ended meanwhile.
    }
  }
  throw new Error(`no process of ${taskId}`);
}

function limitOf(dir, file) {
  for (let at = dir; at.length > '/sys/fs/cgroup'.length; at = at.slice(0, at.lastIndexOf('/'))) {
    if (!existsSync(`${at}/${file}`)) continue;
    const value = readFileSync(`${at}/${file}`, 'utf8').trim();
    if (value !== 'max' && at.includes('longrun')) return Number(value.split(' ')[0]);
  }
  throw new Error(`${file} is unlimited above ${dir}`);
}

async function firstBoot() {
  say(`kernel ${execFileSync('uname', ['-r'], { encoding: 'utf8' }).trim()}, node ${process.version}`);
  await check('cgroup v2 is what systemd mounted', () => readFileSync('/sys/fs/cgroup/cgroup.controllers', 'utf8').trim());
  await check('longrun doctor finds nothing bad', () => {
    const out = spawnSync('longrun', ['doctor'], { encoding: 'utf8' });
    assert(out.status === 0, out.stdout + out.stderr);
  });
  await check('longrun comes up under systemd', () => until('the API', async () => (await http(`${api}/ping`)).status === 200));
  await check('tour: run hello', async () => {
    // On a busy host the first start may take so long that systemd makes another.
    await until('the command to go well', () => {
      const out = spawnSync('longrun', ['app', 'run', `${home}/examples/hello.json`], { encoding: 'utf8', timeout: 300_000 });
      assert(out.status === 0, out.stdout + out.stderr);
      return true;
    }, 600_000);
    await healthy('/hello', 1);
  });
  await check('tour: it answers through the load balancer', () => until('hello', async () => (await http('http://127.0.0.1:9080/', { headers: { host: 'hello.localhost' } })).text.includes('Hello')));
  await check('tour: PATCH {"instances": 4}', async () => {
    assert((await http(`${api}/v2/apps/hello`, { method: 'PATCH', body: { instances: 4 } })).status === 200, 'PATCH refused');
    await healthy('/hello', 4);
  });
  await check('tour: a worker without ports', async () => {
    const out = spawnSync('longrun', ['app', 'run', `${home}/examples/worker.json`], { encoding: 'utf8', timeout: 300_000 });
    assert(out.status === 0, out.stdout + out.stderr);
  });
  await check('each task has its own cgroup with memory.max, cpu.weight and pids.max as asked', async () => {
    const app = await appOf('/hello');
    const dirs = app.tasks.map(({ id }) => cgroupOf(id));
    assert(new Set(dirs).size === 4, `cgroups are shared: ${dirs.join(' ')}`);
    for (const dir of dirs) {
      const memory = limitOf(dir, 'memory.max');
      assert(memory === Math.max(32, app.mem) * 2 ** 20, `memory.max is ${memory}, asked ${app.mem} MiB`);
      limitOf(dir, 'pids.max');
    }
    return `${app.mem} MiB each`;
  });
  await check('a memory hog in a child of its shell ends as OOM by the kernel’s counter', async () => {
    const hog = { id: '/hog', cmd: 'node -e \'const a=[];for(;;)a.push(Buffer.alloc(4e6,1))\'; sleep 1000', mem: 64, cpus: 0.1, portDefinitions: [], backoffSeconds: 60 };
    assert((await http(`${api}/v2/apps`, { method: 'POST', body: hog })).status === 201, 'POST refused');
    const failure = await until('the failure', async () => (await appOf('/hog')).lastTaskFailure);
    assert(/[Mm]emory limit exceeded/.test(failure.message), failure.message);
    await http(`${api}/v2/apps/hog`, { method: 'DELETE' });
  });
  await check('kill -9 of a task brings another', async () => {
    const before = (await appOf('/hello')).tasks.map(({ id }) => id);
    const dir = cgroupOf(before[0]);
    process.kill(Number(readFileSync(`${dir}/cgroup.procs`, 'utf8').split('\n')[0]), 'SIGKILL');
    await until('a replacement', async () => !(await appOf('/hello')).tasks.some(({ id }) => id === before[0]));
    await healthy('/hello', 4);
  });
  await check('systemctl restart leaves tasks alone', async () => {
    const before = (await appOf('/hello')).tasks.map(({ id }) => id).sort().join();
    execFileSync('systemctl', ['restart', 'longrun']);
    await until('the API', async () => (await http(`${api}/ping`)).status === 200);
    const after = (await healthy('/hello', 4)).tasks.map(({ id }) => id).sort().join();
    assert(after === before, 'tasks were replaced');
  });
}

async function secondBoot() {
  await check('after a reboot every app comes back by itself', async () => {
    await until('the API', async () => (await http(`${api}/ping`)).status === 200);
    await healthy('/hello', 4);
    await until('the worker', async () => (await appOf('/worker')).tasksRunning === (await appOf('/worker')).instances);
  });
  await check('and answers', () => until('hello', async () => (await http('http://127.0.0.1:9080/', { headers: { host: 'hello.localhost' } })).text.includes('Hello')));
}

/** The same suites as on cgroup v1, in this slow machine: each of their tests is one check. */
function runSuites() {
  const out = '/var/tmp/suites.json';
  const suites = ['process-contract', 'hostile', 'namespaces', 'statistics'].map((name) => `test/embedded-mesos/containers/${name}.test.ts`);
  const words = ['node_modules/jest/bin/jest.js', '--runInBand', '--ci', '--json', `--outputFile=${out}`, '--testTimeout=300000', ...suites];
  const ran = spawnSync('node', words, { cwd: '/opt/suite', encoding: 'utf8', timeout: 30 * 60_000, env: { ...process.env, TEST_PATIENCE: '10' } });
  if (!existsSync(out)) {
    state.failed += 1;
    say(`FAILED  the suites of plain processes: ${ran.stderr.slice(-2000)}`);
    return;
  }
  for (const { testResults, assertionResults = testResults } of JSON.parse(readFileSync(out, 'utf8')).testResults) {
    for (const { status, fullName, failureMessages } of assertionResults) {
      if (status === 'pending') continue;
      state[status === 'passed' ? 'passed' : 'failed'] += 1;
      say(`${status === 'passed' ? 'ok     ' : 'FAILED '} suite: ${fullName}${status === 'passed' ? '' : `: ${failureMessages.join(' ').slice(0, 1500)}`}`);
    }
  }
}

const tools = { check, assert, http, until, cgroupOf };
if (state.boot === 1) await firstBoot();
else {
  await secondBoot();
  await checkIsolation(tools);
  await checkDelegation(tools);
  runSuites();
}
if (state.boot === 1) {
  writeFileSync(resultFile, JSON.stringify({ ...state, boot: 2 }));
  say('rebooting');
  execFileSync('systemctl', ['reboot']);
} else {
  if (state.failed > 0) say(spawnSync('journalctl', ['-u', 'longrun', '-u', 'longrun-ann', '--no-pager', '-n', '60'], { encoding: 'utf8' }).stdout);
  say(`RESULT: ${state.passed} passed, ${state.failed} failed`);
  execFileSync('systemctl', ['poweroff']);
}
