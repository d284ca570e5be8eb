import type { DockerRules, DockerSpec } from '../docker/docker-spec.js';

/** The part of the engine's create options that a parameter can change. */
export interface ParameterOptions {
  readonly top: Readonly<Record<string, unknown>>;
  readonly host: Readonly<Record<string, unknown>>;
  readonly labels: Readonly<Record<string, string>>;
}

type Draft = { top: Record<string, unknown>; host: Record<string, unknown>; labels: Record<string, string> };

interface Parameter {
  /** It can reach out of the container or past its limits: only where the operator allows it by name. */
  readonly guarded: boolean;
  /** Values that cannot, though others can. */
  readonly harmless?: readonly string[];
  readonly apply: (draft: Draft, value: string) => void;
}

const push = (part: Record<string, unknown>, name: string, value: unknown): void => {
  const before = part[name];
  part[name] = [...(Array.isArray(before) ? before : []), value];
};
const top = (name: string): Parameter => ({
  guarded: false,
  apply: (draft, value) => {
    draft.top[name] = value;
  },
});
const host = (name: string, guarded: boolean, read: (value: string) => unknown = String): Parameter => ({
  guarded,
  apply: (draft, value) => {
    draft.host[name] = read(value);
  },
});
const hostList = (name: string, guarded: boolean): Parameter => ({
  guarded,
  apply: (draft, value) => push(draft.host, name, value),
});
const yes = (value: string): boolean => value === '' || value === 'true';

function pair(text: string): readonly [string, string] {
  const at = text.indexOf('=');
  return at === -1 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}

/** A size as `docker run` reads it: bytes, or with b, k, m or g. Throws RangeError for anything else. */
export function sizeBytes(text: string): number {
  const match = /^(\d+)([bkmg]?)b?$/i.exec(text);
  if (!match) throw new RangeError(`'${text}' is no size`);
  const powers: Readonly<Record<string, number>> = { k: 1, m: 2, g: 3 };
  return Number(match[1]) * 1024 ** (powers[(match[2] ?? '').toLowerCase()] ?? 0);
}

const parameters: ReadonlyMap<string, Parameter> = new Map<string, Parameter>([
  ['hostname', top('Hostname')],
  ['domainname', top('Domainname')],
  ['workdir', top('WorkingDir')],
  ['stop-signal', top('StopSignal')],
  ['entrypoint', { guarded: false, apply: (draft, value) => push(draft.top, 'Entrypoint', value) }],
  ['env', { guarded: false, apply: (draft, value) => push(draft.top, 'Env', value) }],
  [
    'label',
    {
      guarded: false,
      apply: (draft, text) => {
        const [key, value] = pair(text);
        draft.labels[key] = value;
      },
    },
  ],
  ['init', host('Init', false, yes)],
  ['read-only', host('ReadonlyRootfs', false, yes)],
  ['cap-drop', hostList('CapDrop', false)],
  ['add-host', hostList('ExtraHosts', false)],
  ['dns', hostList('Dns', false)],
  ['dns-search', hostList('DnsSearch', false)],
  ['dns-option', hostList('DnsOptions', false)],
  // Its pages count towards the container's memory.
  ['shm-size', host('ShmSize', false, sizeBytes)],
  ['cap-add', hostList('CapAdd', true)],
  ['security-opt', hostList('SecurityOpt', true)],
  ['group-add', hostList('GroupAdd', true)],
  ['volume', hostList('Binds', true)],
  ['pid', host('PidMode', true)],
  ['ipc', { ...host('IpcMode', true), harmless: ['private', 'none'] }],
  ['userns', host('UsernsMode', true)],
  ['runtime', host('Runtime', true)],
]);

/** Why the parameters or the privileges that a container asks for are refused; undefined when they are not. */
export function dockerRefusal(
  { privileged, parameters: asked }: Pick<DockerSpec, 'privileged' | 'parameters'>,
  rules: DockerRules,
): string | undefined {
  if (privileged && !rules.allowPrivileged)
    return 'Privileged containers are not allowed on this agent: start it with --docker-allow-privileged';
  for (const { key, value } of asked) {
    const parameter = parameters.get(key);
    if (!parameter) return `The Docker parameter '${key}' is not known here`;
    const isGuarded = parameter.guarded && !parameter.harmless?.includes(value);
    if (isGuarded && !rules.allowParameters.includes(key))
      return `The Docker parameter '${key}' is not allowed on this agent: start it with --docker-allow-parameters ${key}`;
  }
  try {
    parameterOptions(asked);
  } catch (error) {
    return `A Docker parameter has a value of no sense: ${(error as Error).message}`;
  }
  return undefined;
}

/** What the parameters change, in their order. Unknown ones were refused before. Throws RangeError for a value of no sense. */
export function parameterOptions(asked: DockerSpec['parameters']): ParameterOptions {
  const draft: Draft = { top: {}, host: {}, labels: {} };
  for (const { key, value } of asked) parameters.get(key)?.apply(draft, value);
  return draft;
}
