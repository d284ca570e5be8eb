import type { TaskInfo } from '../../protocol/v1.js';
import type { Secret } from '../../protocol/values.js';

/** A label that names the secrets, space separated, whose files get new values while the task runs. */
export const REFRESH_LABEL = 'LONGRUN_REFRESH_SECRETS';

export interface SecretVariable {
  readonly variable: string;
  /** Of the secret, as the server knows it. */
  readonly name: string;
}

export interface SecretFile {
  readonly containerPath: string;
  readonly name: string;
  readonly refresh: boolean;
}

/** What of a task comes from secrets. */
export interface SecretRefs {
  readonly variables: readonly SecretVariable[];
  /** In the order of its volumes. */
  readonly files: readonly SecretFile[];
  /** Of the registry that its image comes from, as `docker login` writes it. */
  readonly login?: string;
  /** Each name once; empty: it has none. */
  readonly names: readonly string[];
}

type SecretTask = Pick<TaskInfo, 'command' | 'container' | 'labels'>;

const nameOf = (secret: Secret | undefined): string => secret?.reference?.name ?? '';

export function secretRefs({ command, container, labels }: SecretTask): SecretRefs {
  const refreshed = new Set(
    (labels?.labels.find(({ key }) => key === REFRESH_LABEL)?.value ?? '')
      .split(' ')
      .filter((name) => name !== ''),
  );
  const variables = (command?.environment?.variables ?? []).flatMap(({ name, type, secret }) =>
    type === 'SECRET' ? [{ variable: name, name: nameOf(secret) }] : [],
  );
  const files = (container?.volumes ?? []).flatMap(({ container_path, source }) =>
    source?.type === 'SECRET'
      ? [
          {
            containerPath: container_path,
            name: nameOf(source.secret),
            refresh: refreshed.has(nameOf(source.secret)),
          },
        ]
      : [],
  );
  const config = container?.mesos?.image?.docker?.config;
  const login = config === undefined ? [] : [nameOf(config)];
  const names = [...[...variables, ...files].map(({ name }) => name), ...login];
  return { variables, files, ...(config && { login: nameOf(config) }), names: [...new Set(names)] };
}

/** What is wrong with a task's secrets, as a sentence: only such that the server keeps can be had. */
export function secretFault(task: SecretTask): string | undefined {
  const { variables, files, login } = secretRefs(task);
  const [wrong] = [
    ...variables.map((each) => ({ ...each, of: each.variable })),
    ...files.map((each) => ({ ...each, of: each.containerPath })),
    ...(login === undefined ? [] : [{ name: login, of: 'the login of its registry' }]),
  ].filter(({ name }) => name === '');
  return wrong && `This agent resolves secrets by reference only: ${wrong.of}`;
}

/** The values of a task's variables, or why they cannot be had. `values`: bytes in base64, by the secrets' names. */
export function secretEnvironment(
  variables: readonly SecretVariable[],
  values: Readonly<Record<string, string>>,
): readonly { readonly name: string; readonly value: string }[] | { readonly failure: string } {
  const environment: { name: string; value: string }[] = [];
  for (const { variable, name } of variables) {
    const bytes = Buffer.from(values[name] ?? '', 'base64');
    const value = bytes.toString();
    if (value.includes('\0') || !Buffer.from(value).equals(bytes))
      return {
        failure: `secret ${name} is no text and cannot be in the environment variable ${variable}; use a file`,
      };
    environment.push({ name: variable, value });
  }
  return environment;
}
