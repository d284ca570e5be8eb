import type { EventBody } from '../../../src/events/event-bus.js';
import type { Wish } from './builders.js';
import { World } from './world.js';

/**
 * Runs a text script against a world and answers its timeline: each command, below it what it brought about.
 *
 *     put /web instances=2 made=v2 checked      change an app (`force` overrides locks)
 *     delete /web
 *     rollback | stop                           the newest deployment
 *     launch|healthy|unhealthy|ready|end NAME   something happens to an instance
 *     tick SECONDS
 *     crash                                     the process dies and another one starts
 *     waiting                                   what the newest deployment waits for
 */
export async function runScript(script: string): Promise<string> {
  let world = await World.start();
  const timeline: string[] = [];
  const names = new Map<string, string>();
  for (const line of script.split('\n').map((each) => each.trim())) {
    if (line === '') continue;
    timeline.push(`> ${line}`);
    const told = world.events.length;
    const wanted = world.scheduler.wants.length;
    if (line === 'crash') {
      world = await world.crash();
      timeline.push(...described(world, 0, 0, names));
      continue;
    }
    timeline.push(...(await perform(world, line, names)));
    await world.settle();
    timeline.push(...described(world, told, wanted, names));
  }
  await world.service.stop();
  return timeline.join('\n');
}

async function perform(world: World, line: string, names: Map<string, string>): Promise<string[]> {
  const [verb, name = '', ...rest] = line.split(' ');
  const newest = world.service.all().at(-1)?.plan.id ?? '';
  const said: string[] = [];
  const answer = (promise: Promise<{ readonly deploymentId: string } | undefined>): void => {
    promise.then(
      (accepted) => said.push(`  answer: ${nameOf(accepted?.deploymentId ?? 'none', names)}`),
      (error: Error) => said.push(`  refused: ${error.message.split('.')[0]}`),
    );
  };
  switch (verb) {
    case 'put':
      answer(world.change({ [name]: wishOf(rest) }, { force: rest.includes('force') }));
      break;
    case 'delete':
      answer(world.change({ [name]: undefined }, { force: rest.includes('force') }));
      break;
    case 'rollback':
    case 'stop':
      answer(world.service.cancel(newest, { force: verb === 'stop' }));
      break;
    case 'waiting':
      said.push(
        ...world.service.waiting(newest).map(({ app, instance, reason }) => `  ${instance ?? app} ${reason}`),
      );
      break;
    case 'tick':
      await world.clock.advanceAsync(Number(name) * 1_000);
      break;
    case 'launch':
      world.scheduler.launch(name);
      break;
    case 'healthy':
    case 'unhealthy':
      world.scheduler.healthy(name, verb === 'healthy');
      break;
    case 'ready':
      world.scheduler.ready(name);
      break;
    case 'end':
      world.scheduler.end(name);
      break;
    default:
      throw new Error(`no such command: ${line}`);
  }
  await world.settle();
  return said;
}

function wishOf(words: readonly string[]): Wish {
  const entries = words
    .filter((word) => word !== 'force')
    .map((word): [string, unknown] => {
      const [key = '', value] = word.split('=');
      if (value === undefined) return [key, true];
      if (key === 'dependencies') return [key, value.split(',')];
      return [key, Number.isNaN(Number(value)) ? value : Number(value)];
    });
  return Object.fromEntries(entries) as Wish;
}

/** Deployments are called D1, D2 ... in the order of their showing. */
function nameOf(id: string, names: Map<string, string>): string {
  const known = names.get(id) ?? `D${names.size + 1}`;
  names.set(id, known);
  return known;
}

function described(world: World, told: number, wanted: number, names: Map<string, string>): string[] {
  return [
    ...world.events.slice(told).map((event) => `  ${eventWords(event, names)}`),
    ...world.scheduler.wants.slice(wanted).map(({ appId, goals }) => {
      const stop = goals.stop.length > 0 ? ` stop ${goals.stop.join(' ')} (${goals.reason})` : '';
      return `  want ${appId}:${goals.start > 0 ? ` start ${goals.start}` : ''}${stop}`;
    }),
  ];
}

function eventWords(event: EventBody, names: Map<string, string>): string {
  const body = event as EventBody & {
    readonly plan?: { readonly id: string };
    readonly currentStep?: { readonly actions: readonly { readonly action: string; readonly app: string }[] };
    readonly groupId?: string;
    readonly appId?: string;
    readonly reason?: string;
  };
  const actions = body.currentStep?.actions.map(({ action, app }) => `${action} ${app}`).join(', ');
  return [
    event.eventType,
    body.plan && nameOf(body.plan.id, names),
    body.groupId,
    body.appId,
    actions,
    body.reason && `(${body.reason.split('.')[0]})`,
  ]
    .filter((word) => word !== undefined)
    .join(' ');
}
