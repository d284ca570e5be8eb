import type { FromAgent, TaskUsage, ToAgent } from '../../../src/embedded-mesos/protocol/agent-line.js';
import { parseResources } from '../../../src/embedded-mesos/protocol/resource-text.js';
import { SimLine } from '../../../src/simulation/sim-line.js';
import { World } from './world.js';

describe('what agents tell the master of use', () => {
  it('is handed on with the agent’s id, from registered agents only, and disturbs nothing', async () => {
    const world = await new World().start();
    const heard: [string, readonly TaskUsage[]][] = [];
    const stop = world.master.onUsage((agentId, tasks) => heard.push([agentId, tasks]));
    const line = new SimLine<FromAgent, ToAgent>({
      clock: world.clock,
      accept: (accepted) => world.master.acceptLine(accepted),
      peer: 'box',
    });
    const answers: ToAgent[] = [];
    const end = line.dial({ onMessage: (message) => answers.push(message), onReset: () => undefined });
    const usage: TaskUsage = { taskId: 't', seconds: 10, cpus: 1, throttled: 0, memoryBytes: 1 };
    await world.settle();
    end.send({ type: 'USAGE', tasks: [usage] });
    await world.settle();
    expect(heard).toEqual([]);
    expect(answers).toEqual([{ type: 'REREGISTER' }]);
    end.send({
      type: 'REGISTER',
      agent: { hostname: 'box', port: 1, resources: parseResources('cpus:1'), attributes: [] },
      bootId: 'boot',
      replaces: [],
      tasks: [],
      version: '1',
    });
    await world.settle();
    end.send({ type: 'USAGE', tasks: [usage] });
    await world.settle();
    const agentId = answers.flatMap((message) => (message.type === 'REGISTERED' ? [message.agentId] : []))[0];
    expect(heard).toEqual([[agentId, [usage]]]);
    stop();
    end.send({ type: 'USAGE', tasks: [usage] });
    await world.settle();
    expect(heard).toHaveLength(1);
    expect(world.errors).toEqual([]);
  });
});
