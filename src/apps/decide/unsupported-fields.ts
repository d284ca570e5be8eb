import { CatalogError, type ErrorDetail } from '../../errors/registry.js';
import { agentSideChecks } from '../agent-side-checks.js';
import type { AppDraft } from '../app-input.js';

/** Something of the model that the engine cannot run yet. */
interface Unsupported {
  /** What it is, in a sentence. */
  readonly what: string;
  /** What to do meanwhile. */
  readonly hint: string;
  /** Where a definition asks for it; empty when it does not. */
  readonly find: (draft: AppDraft) => Iterable<string>;
  /** What Marathon says where it can be switched off there, too. */
  readonly text?: string;
}

const when = (found: unknown, path: string): readonly string[] => (found ? [path] : []);
const disabledFeature = (name: string): string =>
  `Feature ${name} is not enabled. Enable with --enable_features ${name})`;

/** Every row goes when the engine learns what it names. Defaults are none of them: what was read can be sent again. */
const unsupported: readonly Unsupported[] = [
  {
    what: 'networks other than the host’s',
    hint: 'One network: of the host or of the agent (`container/bridge`); with an image also one of the engine by its name.',
    find: ({ networks, container }) =>
      container?.docker
        ? networks.slice(1).map((_, index) => `/networks(${index + 1})`)
        : networks.flatMap(({ mode }, index) =>
            when(mode === 'container' || index > 0, `/networks(${index})/mode`),
          ),
  },
  {
    what: 'external volumes',
    hint: 'Leave the volume out.',
    find: ({ container }) =>
      (container?.volumes ?? []).flatMap((volume, index) =>
        when('external' in volume, `/container/volumes(${index})`),
      ),
    text: disabledFeature('external_volumes'),
  },
  {
    what: 'persistent volumes',
    hint: 'Leave the volume out, or use a folder of the host (`hostPath`) with a constraint that keeps the app there.',
    find: ({ container }) =>
      (container?.volumes ?? []).flatMap((volume, index) =>
        when('persistent' in volume, `/container/volumes(${index})`),
      ),
  },
  {
    what: 'named volumes',
    hint: 'Name a folder of the host by its absolute path.',
    find: ({ container }) =>
      (container?.volumes ?? []).flatMap((volume, index) =>
        when(
          'hostPath' in volume && !volume.hostPath.startsWith('/'),
          `/container/volumes(${index})/hostPath`,
        ),
      ),
  },
  {
    what: 'seccomp and IPC settings',
    hint: 'Leave `linuxInfo` out; with an image all but a seccomp profile by its name can be had.',
    find: ({ container }) =>
      container?.docker
        ? when(container.linuxInfo?.seccomp?.profileName !== undefined, '/container/linuxInfo/seccomp')
        : when(container?.linuxInfo, '/container/linuxInfo'),
  },
  {
    what: 'containers without a command',
    hint: 'Give `cmd` or `args`.',
    find: ({ cmd, args, container }) =>
      when(cmd === undefined && args === undefined && !container?.docker, '/cmd'),
  },
  {
    what: 'files that are neither of http, https nor of the host',
    hint: 'Give an http, https or file URI, or an absolute path.',
    find: ({ fetch }) =>
      (fetch ?? []).flatMap(({ uri }, index) =>
        when(!/^(?:https?:\/\/|file:\/\/\/|\/)/i.test(uri), `/fetch(${index})/uri`),
      ),
  },
  {
    what: 'GPUs',
    hint: 'Leave it 0.',
    find: ({ gpus }) => when(gpus > 0, '/gpus'),
    text: disabledFeature('gpu_resources'),
  },
  {
    what: 'terminals of plain processes',
    hint: 'Leave it false, or use an image; `longrun exec -t` has a terminal in any task.',
    find: ({ tty, container }) => when(tty && !container?.docker, '/tty'),
  },
  {
    what: 'executors of your own',
    hint: 'Leave it empty: the command executor.',
    find: ({ executor, executorResources }) => [
      ...when(executor !== '' && executor !== '//cmd', '/executor'),
      ...when(executorResources, '/executorResources'),
    ],
  },
  {
    what: 'more than one health check by the agent',
    hint: 'Keep one of COMMAND and MESOS_*; several would be accepted by Marathon, and all but one ignored.',
    find: ({ healthChecks }) => when(agentSideChecks(healthChecks).length > 1, '/healthChecks'),
  },
];

/**
 * Refuses a definition that breaks no rule but needs what the engine cannot run yet: better told than ignored. The last
 * stage, after every rule. Throws CatalogError `unsupported` that names each thing.
 */
export function refuseUnsupported(draft: AppDraft, placed: (path: string) => string): void {
  const details: ErrorDetail[] = [];
  const what: string[] = [];
  for (const row of unsupported) {
    const paths = [...row.find(draft)];
    if (paths.length > 0) what.push(row.what);
    for (const path of paths) {
      details.push({
        path: placed(path),
        errors: [row.text ?? 'is not supported yet'],
        code: 'unsupported',
        hint: `longrun cannot run ${row.what} yet. ${row.hint}`,
      });
    }
  }
  if (details.length > 0) throw new CatalogError('unsupported', { what: what.join(', ') }, details);
}
