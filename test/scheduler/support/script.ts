import type { App } from '../../../src/apps/app.js';
import type { Call, TaskState } from '../../../src/embedded-mesos/protocol/v1.js';
import { World } from './world.js';

/** Short names, so that a timeline reads: the nth instance is `i<n>`, its task `i<n>.<incarnation>`. */
class Names {
  readonly #known = new Map<string, string>();

  instance(id: string): string {
    let name = this.#known.get(id);
    if (name === undefined) {
      name = `i${this.#known.size + 1}`;
      this.#known.set(id, name);
    }
    return name;
  }

  task(id: string): string {
    const at = id.indexOf('._app.');
    return `${this.instance(id.slice(0, at))}.${id.slice(at + '._app.'.length)}`;
  }

  taskId(name: string): string {
    const [short = '', incarnation = ''] = name.split('.');
    for (const [id, known] of this.#known) if (known === short) return `${id}._app.${incarnation}`;
    throw new Error(`nobody is called ${name}`);
  }
}

function told(call: Call, names: Names): string | undefined {
  switch (call.type) {
    case 'ACCEPT': {
      const tasks = (call.accept.operations ?? []).flatMap((each) =>
        each.type === 'LAUNCH' ? each.launch.task_infos : [],
      );
      return `ACCEPT ${tasks.map((each) => `${names.task(each.task_id.value)} on ${each.agent_id.value}`).join(', ')}`;
    }
    case 'KILL':
      return `KILL ${names.task(call.kill.task_id.value)}`;
    case 'ACKNOWLEDGE':
      return `ACKNOWLEDGE ${names.task(call.acknowledge.task_id.value)}`;
    case 'RECONCILE':
      return call.reconcile.tasks.length === 0
        ? 'RECONCILE all'
        : `RECONCILE ${call.reconcile.tasks.map((each) => names.task(each.task_id.value)).join(', ')}`;
    default:
      return call.type;
  }
}

/**
 * Runs a script, one command a line, and returns the timeline: each command with the calls and instance events it led to.
 * Commands: `agent ID cpus N`, `app ID {json}`, `start ID N`, `stop iN`, `update iN.M STATE`, `lose ID`, `return ID`, `drained`,
 * `tick N` (seconds), `restart`.
 */
export async function runScript(script: string): Promise<string> {
  const world = new World();
  world.master.automatic = false;
  world.drainer.automatic = false;
  const names = new Names();
  const lines: string[] = [];
  world.master.onCall = (call) => {
    const line = told(call, names);
    if (line !== undefined) lines.push(`  > ${line}`);
  };
  const publish = world.events.publish.bind(world.events);
  world.events.publish = (body) => {
    publish(body);
    if (body.eventType === 'instance_changed_event')
      lines.push(`  ${names.instance(String(body['instanceId']))} ${String(body['condition'])}`);
    else if (body.eventType !== 'status_update_event') lines.push(`  ${body.eventType}`);
  };
  await world.start();
  for (const line of script.trim().split('\n')) {
    lines.push(line.trim());
    await command(world, names, line.trim().split(' '));
    await world.settle();
  }
  return lines.join('\n');
}

async function command(
  world: World,
  names: Names,
  [verb = '', subject = '', ...rest]: readonly string[],
): Promise<void> {
  switch (verb) {
    case 'agent':
      return world.master.addAgent(subject, { cpus: Number(rest[1]), mem: 4096 });
    case 'app':
      return void world.app(subject, rest.length === 0 ? {} : (JSON.parse(rest.join(' ')) as Partial<App>));
    case 'start':
      return void (await world.run(subject, Number(rest[0])));
    case 'stop': {
      const id = names.taskId(`${subject}.1`).replace('._app.1', '');
      const instance = [...world.scheduler.instances.all()].find((each) => each.id === id);
      return instance && world.stop1(instance.appId, [instance.id]);
    }
    case 'update':
      return world.master.update(names.taskId(subject), rest[0] as TaskState);
    case 'lose':
      return world.master.lose(subject);
    case 'return':
      return world.master.register(subject);
    case 'drained':
      return world.drainer.drains.at(-1)?.end();
    case 'tick':
      return world.tick(Number(subject) * 1_000);
    case 'restart':
      await world.crash();
      world.master.forgetAgents();
      return void (await world.start());
    default:
      throw new Error(`no such command: ${verb}`);
  }
}
