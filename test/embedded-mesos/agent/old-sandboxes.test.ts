import type { CheckpointLog } from '../../../src/embedded-mesos/agent/checkpoint-log.js';
import { OldSandboxes } from '../../../src/embedded-mesos/agent/old-sandboxes.js';
import type { Containerizer } from '../../../src/embedded-mesos/containers/containerizer.js';
import { silentLog } from '../../../src/logging/log.js';
import { SystemClock } from '../../../src/util/clock.js';

describe('old sandboxes', () => {
  it('go although one of them cannot be removed, which is said once a round and tried again', async () => {
    const removed: string[] = [];
    const warnings: unknown[] = [];
    let stuck = true;
    const checkpoints = { delete: async () => undefined } as unknown as CheckpointLog;
    const containerizer = {
      removeSandbox: async (id: string) => {
        if (id === 'c50' && stuck) throw new Error(`${id}: Permission denied`);
        removed.push(id);
      },
    } as unknown as Containerizer;
    const log = { ...silentLog, warn: (_text: string, facts: unknown) => warnings.push(facts) };
    const sandboxes = new OldSandboxes('/tmp', checkpoints, containerizer, new SystemClock(), log);
    for (let n = 0; n < 100; n++)
      sandboxes.recover(`c${n}`, { taskId: `t${n}`, frameworkId: 'f', endedAtMs: n });
    sandboxes.start();
    await sandboxes.look();
    expect(removed).toHaveLength(99);
    expect(warnings).toEqual([{ sandboxes: 1, error: 'c50: Permission denied' }]);
    stuck = false;
    await sandboxes.look();
    expect(removed.at(-1)).toBe('c50');
    sandboxes.stop();
  });
});
