import { World } from './support/world.js';

describe('launching', () => {
  it('goes from a want to Running, each step durable before its call leaves', async () => {
    const world = await new World().start();
    world.master.addAgent('a1', { cpus: 4, mem: 1024 });
    world.app('/web', { portDefinitions: [{ port: 10000, protocol: 'tcp' }] });
    world.master.onCall = (call) => {
      if (call.type !== 'ACCEPT') return;
      const [operation] = call.accept.operations ?? [];
      for (const task of operation?.type === 'LAUNCH' ? operation.launch.task_infos : []) {
        const stored = world.stored().get(task.task_id.value.replace(/\._app\.1$/, ''));
        expect(stored?.condition).toBe('Provisioned');
      }
    };
    const instances = await world.run('/web', 2);
    expect(instances.map((each) => each.condition)).toEqual(['Running', 'Running']);
    expect(world.master.violations).toEqual([]);
    expect(world.callTypes().filter((type) => type === 'ACCEPT')).toHaveLength(1);
    expect(world.scheduler.instances.counts(instances[0]!.appId)).toEqual({
      staged: 0,
      running: 2,
      healthy: 0,
      unhealthy: 0,
    });
    expect(world.master.unacknowledged).toBe(0);
  });
});
