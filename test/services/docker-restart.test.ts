import { type AppJson, Longrun } from '../e2e/support/longrun.js';
import { waitFor } from '../support/wait-for.js';
import { describeWithDocker } from './support/describe-with-docker.js';
import { DockerEngine, testImage } from './support/docker-engine.js';

interface SeenApp extends AppJson {
  readonly waiting?: readonly { readonly reason: string }[];
}

/** What the event stream has said of each task's end. */
class Ends {
  readonly #ended = new AbortController();
  readonly byTask = new Map<string, string[]>();

  static async of(longrun: Longrun): Promise<Ends> {
    const ends = new Ends();
    const answer = await fetch(`${longrun.ready.api}/v2/events?event_type=status_update_event`, {
      headers: { accept: 'text/event-stream' },
      signal: ends.#ended.signal,
    });
    void ends.#read(answer);
    return ends;
  }

  async #read({ body }: Response): Promise<void> {
    let text = '';
    try {
      for await (const chunk of body ?? []) {
        text += Buffer.from(chunk).toString();
        const lines = text.split('\n');
        text = lines.pop() ?? '';
        for (const line of lines) if (line.startsWith('data:')) this.#take(JSON.parse(line.slice(5)));
      }
    } catch (error) {
      if (!this.#ended.signal.aborted) throw error;
    }
  }

  #take({ taskId, taskStatus }: { readonly taskId: string; readonly taskStatus: string }): void {
    if (!/FINISHED|FAILED|KILLED|LOST|GONE|DROPPED|ERROR/.test(taskStatus)) return;
    this.byTask.set(taskId, [...(this.byTask.get(taskId) ?? []), taskStatus]);
  }

  close(): void {
    this.#ended.abort();
  }
}

describeWithDocker('an engine whose containers end with it', () => {
  let engine: DockerEngine;
  let longrun: Longrun;
  let ends: Ends;

  beforeAll(async () => {
    engine = await DockerEngine.start();
    longrun = await Longrun.start('--docker-socket', engine.socketPath);
    ends = await Ends.of(longrun);
  }, 90_000);

  afterAll(async () => {
    ends?.close();
    await longrun?.destroy();
    await engine?.destroy();
  }, 90_000);

  const app = (id: string): Record<string, unknown> => ({
    id,
    // Ends at once when it is asked to, and says so.
    cmd: 'trap "exit 7" TERM; while true; do sleep 0.1; done',
    cpus: 0.05,
    mem: 32,
    backoffSeconds: 1,
    taskKillGracePeriodSeconds: 1,
    container: { type: 'DOCKER', docker: { image: testImage } },
  });
  const taskOf = async (id: string): Promise<string | undefined> => {
    const { tasks, tasksRunning } = (await longrun.app(id)) ?? { tasks: [], tasksRunning: 0 };
    return tasksRunning === 1 && tasks.length === 1 ? tasks[0]?.id : undefined;
  };
  const running = async (): Promise<number> =>
    (await engine.docker.listContainers({ filters: { status: ['running'] } })).length;

  async function replaced(id: string, former: string | undefined): Promise<void> {
    await waitFor(
      async () => {
        const now = await taskOf(id);
        return now !== undefined && now !== former;
      },
      {
        timeoutMs: 40_000,
        what: () =>
          `another task of ${id}; ends ${JSON.stringify([...ends.byTask])}\n${longrun.output.join('').slice(-2_000)}`,
      },
    );
    expect(ends.byTask.get(former ?? '')).toEqual(['TASK_FAILED']);
    await waitFor(async () => (await running()) === 1, { what: 'one container' });
  }

  it.each([['SIGTERM'], ['SIGKILL']] as const)(
    'has each task told as ended once, as it ended, and replaced, when it restarts after %s',
    async (signal) => {
      const id = `/of-${signal.toLowerCase()}`;
      await longrun.deploy(app(id));
      const former = await taskOf(id);
      await engine.suspend(signal);
      await engine.resume();
      await replaced(id, former);
      await longrun.request('DELETE', `/v2/apps${id}`);
      await waitFor(async () => (await engine.containers()).length === 0, {
        timeoutMs: 20_000,
        what: 'an engine without containers',
      });
    },
    90_000,
  );

  it('that hangs ends nothing: what runs goes on, what is to start says why it waits, and starts when it answers', async () => {
    await longrun.deploy(app('/steady'));
    const steady = await taskOf('/steady');
    engine.process.kill('SIGSTOP');
    await longrun.request('POST', '/v2/apps', app('/patient'));
    await waitFor(
      async () => {
        const seen = (await longrun.app('/patient')) as SeenApp | undefined;
        return seen?.waiting?.some(({ reason }) => /out of reach.*no answer within/.test(reason));
      },
      { timeoutMs: 40_000, what: 'the reason' },
    );
    expect(await taskOf('/steady')).toBe(steady);
    engine.process.kill('SIGCONT');
    await longrun.settled('/patient');
    expect(await taskOf('/steady')).toBe(steady);
    expect([...ends.byTask.keys()]).not.toContain(steady);

    // And one that has to be ended for good: its tasks end once, and come again.
    engine.process.kill('SIGSTOP');
    await engine.suspend('SIGKILL');
    await engine.resume();
    await waitFor(
      async () => {
        const now = await taskOf('/steady');
        return now !== undefined && now !== steady && (await taskOf('/patient')) !== undefined;
      },
      { timeoutMs: 40_000, what: () => `both again; ends ${JSON.stringify([...ends.byTask])}` },
    );
    await waitFor(async () => (await running()) === 2, { what: 'two containers' });
    expect(ends.byTask.get(steady ?? '')).toEqual(['TASK_FAILED']);
    for (const [, all] of ends.byTask) expect(all).toHaveLength(1);
  }, 150_000);
});
