import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ContainerEvent } from '../src/embedded-mesos/containers/containerizer.js';
import { DockerContainerizer } from '../src/embedded-mesos/containers/docker/docker-containerizer.js';
import { silentLog } from '../src/logging/log.js';
import { SystemClock } from '../src/util/clock.js';
import { SystemDice } from '../src/util/ids.js';
import { DockerEngine, testImage } from '../test/services/support/docker-engine.js';
import { dockerCommand, leftOut, programEnvironment } from '../test/services/support/docker-programs.js';
import { report } from './_report.js';

/**
 * Launch and stop of one container after the other on a real Docker engine, ours and the docker command line taking turns.
 * Usage: npm run bench -- isolate-docker [rounds]
 */
const rounds = Number(process.argv[2] ?? 20);
/** Ends at once when it is asked to. */
const program = 'trap "exit 0" TERM; sleep 1000 & wait';

class Ours {
  readonly #root = mkdtempSync(join(tmpdir(), 'longrun-bench-docker-'));
  readonly #containerizer: DockerContainerizer;
  #waiter: { type: ContainerEvent['type']; resolve: () => void } | undefined;

  constructor(socketPath: string) {
    this.#containerizer = new DockerContainerizer({
      root: this.#root,
      socketPath,
      instanceId: randomUUID(),
      rules: { allowPrivileged: false, allowParameters: [] },
      pidsMax: 100,
      output: { fileBytes: 1024 * 1024, files: 2 },
      onEvent: ({ type }) => {
        if (this.#waiter?.type === type) this.#waiter.resolve();
      },
      clock: new SystemClock(),
      dice: new SystemDice(),
      log: silentLog,
    });
  }

  #event(type: ContainerEvent['type']): Promise<void> {
    return new Promise((resolve) => {
      this.#waiter = { type, resolve };
    });
  }

  async round(): Promise<number> {
    const id = randomUUID();
    const began = performance.now();
    const started = this.#event('started');
    this.#containerizer.launch({
      id,
      command: { shell: true, value: program, arguments: [] },
      environment: [],
      limits: { cpus: 0.1, memMiB: 32 },
      docker: {
        taskId: id,
        image: testImage,
        forcePullImage: false,
        privileged: false,
        network: { kind: 'host' },
        portMappings: [],
        parameters: [],
        volumes: [],
      },
    });
    await started;
    const ended = this.#event('ended');
    this.#containerizer.kill(id, 10_000);
    await ended;
    const tookMs = performance.now() - began;
    this.#containerizer.forget(id);
    return tookMs;
  }

  async close(): Promise<void> {
    await this.#containerizer.stop();
    rmSync(this.#root, { recursive: true, force: true });
  }
}

function commandLineRound(socketPath: string): number {
  const name = `bench-${randomUUID()}`;
  const docker = (...words: string[]): void => {
    const { status, stderr } = spawnSync(dockerCommand, words, {
      encoding: 'utf8',
      env: { ...programEnvironment, DOCKER_HOST: `unix://${socketPath}` },
    });
    if (status !== 0) throw new Error(`docker ${words.join(' ')}: ${stderr}`);
  };
  const limits = ['--cpu-shares', '102', '-m', '32m', '--memory-swap', '32m', '--net', 'host'];
  const began = performance.now();
  docker('run', '-d', '--name', name, ...limits, '--entrypoint', '/bin/sh', testImage, '-c', program);
  docker('stop', '-t', '10', name);
  const tookMs = performance.now() - began;
  docker('rm', '-f', name);
  return tookMs;
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

async function main(): Promise<void> {
  if (leftOut !== undefined) throw new Error(leftOut);
  const engine = await DockerEngine.start();
  const ours = new Ours(engine.socketPath);
  try {
    await ours.round();
    commandLineRound(engine.socketPath);
    const own: number[] = [];
    const theirs: number[] = [];
    for (let round = 0; round < rounds; round++) {
      own.push(await ours.round());
      theirs.push(commandLineRound(engine.socketPath));
    }
    const ratio = median(own) / median(theirs);
    report('isolate-docker', [
      { what: 'launch and stop', value: median(own), unit: 'ms' },
      { what: 'the same by the docker command line', value: median(theirs), unit: 'ms' },
      { what: 'ours beside the command line', value: ratio, unit: 'times', target: '<= 1.2' },
    ]);
  } finally {
    await ours.close();
    await engine.destroy();
  }
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
