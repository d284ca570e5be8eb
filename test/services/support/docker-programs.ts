import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** Where scripts/docker-programs.mjs unpacks what this machine does not have. */
const root = '/var/cache/longrun-tests/docker/root';
const binFolders = [
  ...(process.env['PATH'] ?? '').split(':'),
  '/usr/sbin',
  '/sbin',
  ...['usr/sbin', 'usr/bin', 'sbin', 'bin'].map((name) => join(root, name)),
];

/** The path of a program; undefined when neither this machine nor the folder of the tests has it. */
export function programPath(name: string): string | undefined {
  return binFolders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}

/** The engine's own command line: of the same release as the engine, so that it can build whatever that can. */
export const dockerCommand = [join(root, 'usr/bin/docker')].find((path) => existsSync(path)) ?? 'docker';

const needed = ['dockerd', 'containerd', 'runc', 'docker-registry', 'busybox', 'ip'];
const missing = needed.filter((name) => programPath(name) === undefined);

/** Why suites with a Docker engine are left out here; undefined when they run. */
export const leftOut: string | undefined =
  process.getuid?.() !== 0
    ? 'a Docker engine needs root'
    : missing.length > 0
      ? `${missing.join(', ')} missing: node scripts/docker-programs.mjs fetches them on Debian`
      : undefined;

/** With all of them on the path. */
export const programEnvironment: NodeJS.ProcessEnv = {
  ...process.env,
  PATH: binFolders.join(':'),
  LD_LIBRARY_PATH: `${root}/usr/lib/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`,
};
