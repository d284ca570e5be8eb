import type { ErrorDetail } from '../../errors/registry.js';
import type { AppInput } from '../app-input.js';

export type ContainerInput = NonNullable<AppInput['container']>;

/** What Docker images were called in 2014: `docker:///name` or `docker://registry/name`, also with a blank inside. */
const historicalImage = /^\s*docker:\s*\/{2,3}\s*(.*?)\s*$/;

/** Short flags of `docker run` and their long names. */
const longNames: Readonly<Record<string, string>> = {
  c: 'cpu-shares',
  e: 'env',
  h: 'hostname',
  l: 'label',
  m: 'memory',
  p: 'publish',
  u: 'user',
  v: 'volume',
  w: 'workdir',
};
/** Flags that take no value. */
const switches: ReadonlySet<string> = new Set(['init', 'publish-all', 'read-only', 'rm']);

interface RunFlags {
  readonly privileged: boolean;
  readonly parameters: readonly { readonly key: string; readonly value: string }[];
  /** Indexes of options that are no flags of `docker run`. */
  readonly unread: readonly number[];
}

/**
 * The `container` of 2014, `{"image": "docker:///name", "options": ["-e", "A=b"]}`, as a Docker container of today.
 * Any other container, and one that has both forms, stays as it is.
 */
export function modernContainer(container: ContainerInput): ContainerInput {
  const { image, options, ...rest } = container;
  const name = historicalImage.exec(image ?? '')?.[1];
  if (name === undefined || rest.docker) return rest;
  const { privileged, parameters } = runFlags(options ?? []);
  return {
    ...rest,
    type: 'DOCKER',
    docker: {
      image: name,
      ...(privileged ? { privileged } : {}),
      ...(parameters.length > 0 ? { parameters } : {}),
    },
  };
}

/** Options of the form of 2014 that cannot be carried over. */
export function historicalOptionProblems(container: ContainerInput): readonly ErrorDetail[] {
  if (container.docker || !historicalImage.test(container.image ?? '')) return [];
  return runFlags(container.options ?? []).unread.map((index) => ({
    path: `/container/options(${index})`,
    errors: ['is not a flag of docker run'],
    code: 'deprecated-form',
    hint: 'Write it as one of `container.docker.parameters`: `{"key": "volume", "value": "/a:/b"}`.',
  }));
}

/** `-e A=b`, `-eA=b`, `--env A=b`, `--env=A=b`, `--privileged`. */
function runFlags(options: readonly string[]): RunFlags {
  const parameters: { key: string; value: string }[] = [];
  const unread: number[] = [];
  let privileged = false;
  for (let at = 0; at < options.length; at++) {
    const flag = /^(?:--([a-z][a-z-]*)(?:=(.*))?|-([a-z])=?(.+)?)$/s.exec(options[at]?.trim() ?? '');
    const key = flag?.[1] ?? longNames[flag?.[3] ?? ''];
    if (key === undefined) {
      unread.push(at);
      continue;
    }
    const attached = flag?.[2] ?? flag?.[4];
    if (key === 'privileged') privileged = attached !== 'false';
    else if (attached !== undefined) parameters.push({ key, value: attached });
    else if (switches.has(key)) parameters.push({ key, value: 'true' });
    else {
      const value = options[at + 1];
      if (value === undefined) unread.push(at);
      else parameters.push({ key, value });
      at++;
    }
  }
  return { privileged, parameters, unread };
}
