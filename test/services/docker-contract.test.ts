import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ContainerEvent } from '../../src/embedded-mesos/containers/containerizer.js';
import { DockerContainerizer } from '../../src/embedded-mesos/containers/docker/docker-containerizer.js';
import { silentLog } from '../../src/logging/log.js';
import { SystemClock } from '../../src/util/clock.js';
import { SystemDice } from '../../src/util/ids.js';
import { type ContractWorld, itKeepsTheContract } from '../embedded-mesos/containers/contract.js';
import { describeWithDocker } from './support/describe-with-docker.js';
import { DockerEngine, testImage } from './support/docker-engine.js';

describeWithDocker('the containerizer of a Docker engine', () => {
  let engine: DockerEngine;

  beforeAll(async () => {
    engine = await DockerEngine.start();
  }, 60_000);
  afterAll(async () => engine.destroy(), 60_000);

  async function dockerWorld(): Promise<ContractWorld> {
    const root = mkdtempSync(join(tmpdir(), 'longrun-docker-'));
    const instanceId = `test${randomUUID().slice(0, 8)}`;
    const events: ContainerEvent[] = [];
    const make = (): DockerContainerizer =>
      new DockerContainerizer({
        root,
        socketPath: engine.socketPath,
        instanceId,
        rules: { allowPrivileged: false, allowParameters: [] },
        pidsMax: 100,
        output: { fileBytes: 1024 * 1024, files: 3 },
        onEvent: (event) => events.push(event),
        clock: new SystemClock(),
        dice: new SystemDice(),
        log: silentLog,
      });
    let containerizer = make();
    await containerizer.start([]);
    const named = async (status: readonly string[]): Promise<readonly string[]> =>
      (
        await engine.docker.listContainers({
          all: true,
          filters: { label: [`longrun.instance=${instanceId}`], status: [...status] },
        })
      ).flatMap(({ Names }) => Names);
    return {
      get containerizer() {
        return containerizer;
      },
      events,
      root,
      complete: (spec) => ({
        ...spec,
        docker: {
          taskId: `task.${spec.id}`,
          image: testImage,
          forcePullImage: false,
          privileged: false,
          network: { kind: 'host' },
          portMappings: [],
          parameters: [],
          volumes: [],
        },
      }),
      restart: async (known) => {
        await containerizer.stop();
        events.length = 0;
        containerizer = make();
        await containerizer.start(known.map((spec) => ({ spec })));
      },
      copies: async (id) => (await named(['running'])).filter((name) => name.includes(id)).length,
      leftovers: () => named([]),
      close: async () => {
        await containerizer.stop();
        // A start that knows of no container removes all that carry this work dir's label.
        containerizer = make();
        await containerizer.start([]);
        await containerizer.stop();
        expect(await named([])).toEqual([]);
        rmSync(root, { recursive: true, force: true });
      },
    };
  }

  itKeepsTheContract(dockerWorld);
});
