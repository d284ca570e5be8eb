import { parse as parseYaml } from 'yaml';
import type { Schemas } from '../../api/contract/load-contract.js';
import { type ChangeArguments, carryOut, exitCodes } from './carry-out.js';
import { type CommandIo, paint, printable } from './command-io.js';
import { type AskedChange, dryRun } from './dry-run.js';
import { appPath, type RestClient, RestError } from './rest-client.js';
import { table } from './table.js';
import { trafficLines } from './traffic-lines.js';

type AppInfo = Schemas['AppInfo'];

interface Shown {
  readonly json: boolean;
}

/** `app list`: what is wanted and how it fares. */
export async function appList(client: RestClient, io: CommandIo, { json }: Shown): Promise<number> {
  const list = await client.get<{ readonly apps: readonly AppInfo[] }>('/v2/apps');
  if (json) {
    io.out(JSON.stringify(list, undefined, 2));
    return exitCodes.ok;
  }
  const apps = [...list.apps].sort((a, b) => (a.id < b.id ? -1 : 1));
  const rows = apps.map((app) => [
    app.id,
    `${app.tasksRunning ?? 0}/${app.instances}`,
    app.healthChecks?.length ? `${app.tasksHealthy ?? 0}/${app.instances}` : '-',
    app.cpus,
    app.mem,
    servicePorts(app).join(',') || '-',
    stateWord(app),
  ]);
  io.out(
    apps.length > 0
      ? table(['APP', 'RUNNING', 'HEALTHY', 'CPUS', 'MEM', 'PORTS', 'STATE'], rows)
      : 'No apps. `longrun app run FILE` starts one.',
  );
  return exitCodes.ok;
}

/** Of its port definitions with host networking, else of its container's port mappings. */
function servicePorts({ portDefinitions, container }: AppInfo): readonly number[] {
  if (portDefinitions) return portDefinitions.map(({ port }) => port);
  return (container?.portMappings ?? []).map(({ servicePort }) => servicePort);
}

function stateWord(app: AppInfo): string {
  if (app.deployments?.length) return 'deploying';
  if ((app.tasksRunning ?? 0) < app.instances) return 'waiting';
  return app.notServed?.length ? 'port not served' : 'steady';
}

/** `app show ID`. */
export async function appShow(
  client: RestClient,
  io: CommandIo,
  { id, json }: Shown & { readonly id: string },
): Promise<number> {
  const { app } = await client.get<{ readonly app: AppInfo }>(appPath(id));
  if (json) {
    io.out(JSON.stringify(app, undefined, 2));
    return exitCodes.ok;
  }
  io.out(paint(io, 'bold', app.id));
  const facts: readonly (readonly [string, string])[] = [
    ['command', app.cmd ?? app.args?.join(' ') ?? ''],
    [
      'instances',
      `${app.tasksRunning ?? 0} running of ${app.instances} wanted, ${app.tasksHealthy ?? 0} healthy, ${app.tasksUnhealthy ?? 0} unhealthy`,
    ],
    ['each', `${app.cpus} cpus, ${app.mem} MiB memory, ${app.disk} MiB disk`],
    ['service ports', servicePorts(app).join(', ') || 'none'],
    ['version', app.version],
  ];
  for (const [name, value] of facts) io.out(`  ${name.padEnd(14)} ${printable(value)}`);
  for (const line of await trafficLines(client, id)) io.out(`  ${'traffic'.padEnd(14)} ${printable(line)}`);
  for (const { servicePort, reason } of app.notServed ?? []) {
    io.out(paint(io, 'yellow', `  service port ${servicePort} is not served: ${printable(reason)}`));
  }
  for (const warning of app.warnings ?? []) io.out(paint(io, 'yellow', `  ${printable(warning)}`));
  const failure = app.lastTaskFailure;
  if (failure)
    io.out(
      paint(
        io,
        'red',
        `  last failure   ${failure.timestamp} ${failure.state} on ${failure.host}: ${printable(failure.message)}`,
      ),
    );
  if (app.tasks?.length) {
    const rows = app.tasks.map((task) => [
      task.id,
      stateOf(task),
      task.host,
      task.ports.join(','),
      healthOf(task),
      task.startedAt ?? '-',
    ]);
    io.out(`\n${table(['TASK', 'STATE', 'HOST', 'PORTS', 'HEALTH', 'STARTED'], rows)}`);
  }
  if (app.waiting?.length) io.out(`\nNot yet as wanted; \`longrun why ${app.id}\` explains.`);
  return exitCodes.ok;
}

function stateOf(task: Schemas['Task']): string {
  return task.draining ? 'draining' : task.state.replace('TASK_', '').toLowerCase();
}

function healthOf({ healthCheckResults }: Schemas['Task']): string {
  if (healthCheckResults.length === 0) return '-';
  return healthCheckResults.every((result) => result.alive) ? 'healthy' : 'unhealthy';
}

/** `app run FILE`: creates what is new, replaces what exists; an array is one deployment of several apps. */
export async function appRun(
  client: RestClient,
  io: CommandIo,
  args: Changing & { readonly file: string; readonly force: boolean },
): Promise<number> {
  const from = args.file === '-' ? 'standard input' : args.file;
  const definition = readDefinition(from, await textOf(io, args.file));
  const query = `?partialUpdate=false&force=${args.force}`;
  if (Array.isArray(definition)) {
    const what = definition.length === 1 ? 'one app' : `${definition.length} apps`;
    return change(client, io, args, what, { method: 'PUT', path: `/v2/apps${query}`, body: definition });
  }
  const { id } = (typeof definition === 'object' && definition !== null ? definition : {}) as {
    readonly id?: unknown;
  };
  if (typeof id !== 'string' || id === '') {
    throw new RestError(
      `${from} has no app \`id\``,
      'An app definition is an object like {"id": "/hello", "cmd": "sleep 1000"}, or an array of them.',
      0,
    );
  }
  const what = `/${id.replace(/^\/+/, '')}`;
  return change(client, io, args, what, { method: 'PUT', path: appPath(id) + query, body: definition });
}

type Changing = ChangeArguments & { readonly dryRun?: boolean };

/** Sends a change and watches it, or only says what it would mean. */
function change(
  client: RestClient,
  io: CommandIo,
  args: Changing,
  what: string,
  asked: AskedChange,
): Promise<number> {
  if (args.dryRun) return dryRun(client, io, args, asked);
  return carryOut(client, io, args, what, () => client.ask(asked.method, asked.path, asked.body));
}

const unreadable: Readonly<Record<string, string>> = {
  ENOENT: 'does not exist',
  EACCES: 'may not be read by this user',
  EISDIR: 'is a folder',
};

async function textOf(io: CommandIo, file: string): Promise<string> {
  try {
    return await io.readText(file);
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException;
    const why = unreadable[code] ?? `cannot be read: ${message}`;
    throw new RestError(`${file} ${why}`, 'Name a file with an app definition, or - for standard input.', 0);
  }
}

function readDefinition(file: string, text: string): unknown {
  try {
    return /\.ya?ml$/i.test(file) ? (parseYaml(text) as unknown) : (JSON.parse(text) as unknown);
  } catch (error) {
    throw new RestError(
      `${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`,
      'It must be JSON (or YAML in a .yaml file).',
      0,
    );
  }
}

type OneApp = Changing & { readonly id: string; readonly force: boolean };

/** `app scale ID N`. */
export function appScale(
  client: RestClient,
  io: CommandIo,
  args: OneApp & { readonly instances: number },
): Promise<number> {
  const path = `${appPath(args.id)}?force=${args.force}`;
  const { instances } = args;
  return change(client, io, args, `${args.id} to ${instances}`, {
    method: 'PATCH',
    path,
    body: { instances },
  });
}

/** `app restart ID`. */
export function appRestart(client: RestClient, io: CommandIo, args: OneApp): Promise<number> {
  const path = `${appPath(args.id)}/restart?force=${args.force}`;
  return change(client, io, args, `restart of ${args.id}`, { method: 'POST', path });
}

/** `app rm ID`: as with Marathon's API, running deployments of the app are cancelled. */
export function appRemove(client: RestClient, io: CommandIo, args: Omit<OneApp, 'force'>): Promise<number> {
  return change(client, io, args, `removal of ${args.id}`, { method: 'DELETE', path: appPath(args.id) });
}
