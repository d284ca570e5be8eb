import { mkdtempSync, readFileSync, statSync } from 'node:fs';
import { containerOf } from '../../../src/embedded-mesos/agent/decide/admit-task.js';
import {
  secretEnvironment,
  secretFault,
  secretRefs,
} from '../../../src/embedded-mesos/agent/decide/secret-refs.js';
import { SecretFiles } from '../../../src/embedded-mesos/agent/secrets/secret-files.js';
import {
  ANSWER_LIMIT_MS,
  SecretRequests,
} from '../../../src/embedded-mesos/agent/secrets/secret-requests.js';
import { TaskSecrets } from '../../../src/embedded-mesos/agent/secrets/task-secrets.js';
import type { TaskRecord } from '../../../src/embedded-mesos/agent/task-record.js';
import { RegistryLogins } from '../../../src/embedded-mesos/containers/docker/registry-logins.js';
import type { FromAgent } from '../../../src/embedded-mesos/protocol/agent-line.js';
import { silentLog } from '../../../src/logging/log.js';
import { taskInfo } from '../../../src/scheduler/decide/task-info.js';
import { VirtualClock } from '../../../src/util/virtual-clock.js';
import { record as appRecord } from '../../api/support/fakes.js';

const app = appRecord('/shop/web', {
  secrets: { db: { source: '/shop/db' }, token: { source: 'token' } },
  env: { PASSWORD: { secret: 'db' }, PLAIN: 'text' },
  container: { type: 'MESOS', volumes: [{ containerPath: 'token', secret: 'token', refresh: true }] },
});
const task = taskInfo(app, {
  taskId: 'shop_web.instance-1._app.1' as never,
  agentId: 'agent-1' as never,
  hostname: 'box',
  hostPorts: [],
  resources: [],
});
const base64 = (text: string): string => Buffer.from(text).toString('base64');

const recordOf = (phase: TaskRecord['phase']): TaskRecord => ({
  format: 1,
  frameworkId: 'framework-1',
  task,
  containerId: 'container-1',
  phase,
  updates: [],
  latest: { task_id: task.task_id, state: 'TASK_STAGING' },
});

describe('the message of a launch', () => {
  it('has the names of secrets, and no value', () => {
    expect(secretRefs(task)).toEqual({
      variables: [{ variable: 'PASSWORD', name: '/shop/db' }],
      files: [{ containerPath: 'token', name: '/shop/token', refresh: true }],
      names: ['/shop/db', '/shop/token'],
    });
    expect(task.command?.environment?.variables).toContainEqual({ name: 'PLAIN', value: 'text' });
    expect(secretFault(task)).toBeUndefined();
  });

  it('names the secret with the login of its registry, which its container gets as no mount', async () => {
    const pulling = taskInfo(
      appRecord('/shop/pulling', {
        secrets: { pull: { source: 'login' } },
        container: {
          type: 'MESOS',
          docker: {
            image: 'r.example/web',
            forcePullImage: false,
            privileged: false,
            pullConfig: { secret: 'pull' },
          },
          volumes: [],
        },
      }),
      {
        taskId: 'shop_pulling.instance-1._app.1' as never,
        agentId: 'agent-1' as never,
        hostname: 'box',
        hostPorts: [],
        resources: [],
      },
    );
    expect(secretRefs(pulling)).toMatchObject({ login: '/shop/login', names: ['/shop/login'] });
    const volatile = mkdtempSync('/dev/shm/longrun-test-');
    const sent: FromAgent[] = [];
    const secrets = new TaskSecrets(
      new SecretFiles(volatile, volatile),
      new SecretRequests((message) => void sent.push(message), new VirtualClock()),
      silentLog,
    );
    const record = { ...recordOf('launching'), task: pulling };
    const outcome = secrets.obtain(record);
    const text = JSON.stringify({ auths: { 'r.example': { username: 'u', password: 'p' } } });
    secrets.receive({
      type: 'SECRETS',
      taskId: pulling.task_id.value,
      values: { '/shop/login': base64(text) },
    });
    expect(await outcome).toEqual({ type: 'obtained' });
    const { docker, mounts } = secrets.complete(containerOf(record, 'agent-1'), pulling);
    expect(mounts ?? []).toEqual([]);
    expect(await new RegistryLogins(undefined).find('r.example/web', volatile, docker?.loginPath)).toEqual({
      username: 'u',
      password: 'p',
      serveraddress: 'r.example',
    });
    const unnamed = {
      ...pulling.container,
      type: 'MESOS' as const,
      mesos: {
        image: {
          type: 'DOCKER' as const,
          docker: { name: 'x', config: { type: 'VALUE' as const, value: { data: 'eA==' } } },
        },
      },
    };
    expect(secretFault({ container: unnamed })).toContain('by reference only: the login of its registry');
  });

  it('is refused with a secret that it brings along instead of naming it', () => {
    const variable = {
      name: 'A',
      type: 'SECRET',
      secret: { type: 'VALUE', value: { data: 'eA==' } },
    } as const;
    expect(secretFault({ command: { environment: { variables: [variable] } } })).toContain(
      'by reference only: A',
    );
  });

  it('gets bytes that are no text into files only', () => {
    const variables = [{ variable: 'A', name: '/a' }];
    expect(secretEnvironment(variables, { '/a': base64('ä') })).toEqual([{ name: 'A', value: 'ä' }]);
    for (const bytes of [Buffer.from([0xff]), Buffer.from('a\0b')])
      expect(secretEnvironment(variables, { '/a': bytes.toString('base64') })).toHaveProperty('failure');
  });
});

describe('the secrets of a task on its agent', () => {
  const clock = new VirtualClock();
  let sent: FromAgent[];
  let volatile: string;
  let secrets: TaskSecrets;
  const files = (): SecretFiles => new SecretFiles(volatile, volatile);

  beforeEach(() => {
    sent = [];
    volatile = mkdtempSync('/dev/shm/longrun-test-');
    secrets = new TaskSecrets(
      files(),
      new SecretRequests((message) => void sent.push(message), clock),
      silentLog,
    );
  });

  const answer = (values: Readonly<Record<string, string>>): void =>
    secrets.receive({ type: 'SECRETS', taskId: task.task_id.value, values });

  const obtained = async (): Promise<void> => {
    const outcome = secrets.obtain(recordOf('launching'));
    answer({ '/shop/db': base64('correct horse'), '/shop/token': base64('first value') });
    expect(await outcome).toEqual({ type: 'obtained' });
  };

  it('are asked for when it is launched, and complete its container', async () => {
    await obtained();
    expect(sent).toEqual([
      {
        type: 'ASK_SECRETS',
        frameworkId: 'framework-1',
        taskId: task.task_id.value,
        names: ['/shop/db', '/shop/token'],
      },
    ]);
    const bare = containerOf(recordOf('launching'), 'agent-1');
    expect(JSON.stringify(bare)).not.toContain('correct horse');
    // An agent that was started anew knows them still.
    const again = new TaskSecrets(files(), new SecretRequests(() => undefined, clock), silentLog);
    const spec = again.complete(bare, task);
    expect(spec.environment).toContainEqual({ name: 'PASSWORD', value: 'correct horse' });
    const source = files().path('container-1', 0);
    expect(spec.mounts).toEqual([{ source, target: 'token', readOnly: true }]);
    expect(readFileSync(source, 'utf8')).toBe('first value');
    expect(statSync(source).mode & 0o777).toBe(0o400);
  });

  it('are asked for again after a registration, and not waited for for ever', async () => {
    const outcome = secrets.obtain(recordOf('launching'));
    secrets.registered();
    expect(sent).toHaveLength(2);
    await clock.advanceAsync(ANSWER_LIMIT_MS);
    expect(await outcome).toMatchObject({
      message: expect.stringContaining('did not give the task its secrets'),
    });
    const cancelled = secrets.obtain(recordOf('launching'));
    secrets.cancel(task.task_id.value);
    expect(await cancelled).toEqual({ type: 'cancelled' });
  });

  it('are written anew into the same file while it runs, when they are to be', async () => {
    await obtained();
    const path = files().path('container-1', 0);
    const { ino } = statSync(path);
    secrets.onPhase(recordOf('running'));
    secrets.receive({ type: 'SECRETS_CHANGED', names: ['/shop/db', '/shop/token'] });
    expect(sent.at(-1)).toMatchObject({ type: 'ASK_SECRETS', names: ['/shop/token'] });
    answer({ '/shop/token': base64('next') });
    await clock.advanceAsync(0);
    expect([readFileSync(path, 'utf8'), statSync(path).ino]).toEqual(['next', ino]);
  });

  it('are gone with it, and with a restart of the agent when nobody knows the container', async () => {
    await obtained();
    secrets.onPhase(recordOf('ended'));
    expect(files().environment('container-1')).toEqual([]);
    await obtained();
    secrets.start([recordOf('running')]);
    expect(files().environment('container-1')).toHaveLength(1);
    secrets.start([recordOf('ended')]);
    expect(files().environment('container-1')).toEqual([]);
  });

  it('are not asked for on a host that would have to put them on a disk', async () => {
    const disk = new TaskSecrets(
      new SecretFiles(undefined, volatile),
      new SecretRequests((m) => void sent.push(m), clock),
      silentLog,
    );
    const outcome = disk.obtain(recordOf('launching'));
    expect(sent).toEqual([]);
    expect(await outcome).toMatchObject({ message: expect.stringContaining('tmpfs') });
  });
});
