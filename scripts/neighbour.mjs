// Another longrun on the same host with one web app and a gentle load, from `startNeighbour` until `stop`: what the
// test suites do must not cost it a single request.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const PAUSE_MS = 50;
const ANSWER_LIMIT_MS = 10_000;
/** Below the suites' ports (test/e2e/support/port-block.ts), above those that a longrun takes by default. */
const SERVICE_PORTS = '19800-19899';
const HOST_PORTS = '19900-19999';

const pause = (ms) => new Promise((next) => setTimeout(next, ms));

function ask(url, { agent, method = 'GET', path = '/', headers = {}, body } = {}) {
  return new Promise((done, fail) => {
    const sent = request(url, { agent, method, path, headers, timeout: ANSWER_LIMIT_MS }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk) => {
        text += chunk;
      });
      response.on('error', fail);
      response.on('end', () => done({ status: response.statusCode, text }));
    });
    sent.on('timeout', () => sent.destroy(new Error(`no answer in ${ANSWER_LIMIT_MS} ms`)));
    sent.on('error', fail);
    sent.end(body);
  });
}

/** Resolves when its app answers. `stop` ends it and says `{requests, failures}`. */
export async function startNeighbour() {
  const workDir = mkdtempSync(join(tmpdir(), 'longrun-neighbour-'));
  const readyFile = join(workDir, 'ready.json');
  const ports = ['http', 'master', 'agent', 'lb-http', 'lb-stats', 'dns', 'dns-http'].flatMap((name) => [
    `--${name}-port`,
    '0',
  ]);
  const up = spawn(
    process.execPath,
    [
      join(root, 'bin/longrun.js'),
      'up',
      '--work-dir',
      workDir,
      '--ready-file',
      readyFile,
      ...ports,
      '--service-ports',
      SERVICE_PORTS,
      '--resources',
      `ports:[${HOST_PORTS}]`,
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let complaints = '';
  up.stderr.setEncoding('utf8').on('data', (text) => {
    complaints = (complaints + text).slice(-10_000);
  });
  const ended = new Promise((done) => up.once('exit', done));
  const end = async () => {
    up.kill('SIGINT');
    await ended;
    rmSync(workDir, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    const until = Date.now() + 60_000;
    const waitFor = async (what, condition) => {
      while (!(await condition())) {
        if (Date.now() > until || up.exitCode !== null)
          throw new Error(`the neighbour: ${what} did not come: ${complaints}`);
        await pause(50);
      }
    };
    await waitFor('ready', () => existsSync(readyFile));
    const { api, lb } = JSON.parse(readFileSync(readyFile, 'utf8'));
    const body = JSON.stringify({
      ...JSON.parse(readFileSync(join(root, 'examples/hello.json'), 'utf8')),
      id: '/neighbour',
      instances: 2,
      portDefinitions: [{ port: 0, name: 'http' }],
    });
    const posted = await ask(api, {
      method: 'POST',
      path: '/v2/apps',
      headers: { 'content-type': 'application/json' },
      body,
    });
    if (posted.status !== 201) throw new Error(`the neighbour's app was refused: ${posted.text}`);
    const headers = { host: 'hello.localhost' };
    await waitFor(
      'an answer',
      async () => (await ask(lb, { headers }).catch(() => undefined))?.status === 200,
    );
    return load(lb, headers, end);
  } catch (error) {
    await end();
    throw error;
  }
}

function load(lb, headers, end) {
  const agent = new Agent({ keepAlive: true, maxSockets: 4 });
  const failures = [];
  let requests = 0;
  let running = true;
  const loop = (async () => {
    for (let n = 0; running; n++) {
      requests += 1;
      try {
        // Every other request on a connection of its own.
        const { status, text } = await ask(lb, { headers, agent: n % 2 === 0 ? agent : false });
        if (status !== 200 || !text.startsWith('Hello'))
          failures.push(`status ${status}: ${text.slice(0, 100)}`);
      } catch (error) {
        failures.push(error.message);
      }
      await pause(PAUSE_MS);
    }
  })();
  return {
    stop: async () => {
      running = false;
      await loop;
      agent.destroy();
      await end();
      return { requests, failures };
    },
  };
}
