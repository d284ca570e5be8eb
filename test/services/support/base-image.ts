import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { packageRoot } from '../../support/package-root.js';
import { programPath } from './docker-programs.js';

/**
 * What longrun starts beside Node, and what starts other programs: those of busybox would start busybox's own, which know
 * fewer words.
 */
const programs = [
  ...['sh', 'env', 'nice', 'setsid', 'timeout', 'unshare', 'nsenter', 'setpriv'],
  ...['mount', 'umount', 'mkfifo', 'sleep', 'id', 'getent'],
];
const users = 'root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/nonexistent:/bin/sh\n';

/** Puts the programs of this host, their libraries and Node over a tree that has the small programs already. */
export function addHostPrograms(tree: string): void {
  for (const name of programs) addProgram(tree, programPath(name) ?? '', join('/bin', name));
  addProgram(tree, process.execPath, '/usr/local/bin/node');
  mkdirSync(join(tree, 'etc'), { recursive: true });
  writeFileSync(join(tree, 'etc/passwd'), users);
  writeFileSync(join(tree, 'etc/group'), 'root:x:0:\nnogroup:x:65534:\n');
  for (const name of ['usr/bin', 'usr/local/bin', 'var/lib', 'dev', 'proc', 'sys'])
    mkdirSync(join(tree, name), { recursive: true });
  symlinkSync('/bin/env', join(tree, 'usr/bin/env'));
}

function addProgram(tree: string, path: string, to: string): void {
  copyInto(tree, path, to);
  const { stdout } = spawnSync('ldd', [path], { encoding: 'utf8' });
  for (const [, library] of stdout.matchAll(/(?:=> )?(\/\S+) \(0x/g))
    if (library) copyInto(tree, library, library);
}

function copyInto(tree: string, from: string, to: string): void {
  const target = join(tree, to);
  mkdirSync(dirname(target), { recursive: true });
  // Another name of busybox, maybe: not to be written into.
  rmSync(target, { force: true });
  cpSync(realpathSync(from), target);
}

/** What no program reads. */
const unread = ['*.d.ts', '*.d.mts', '*.d.cts', '*.map', '*.md', 'bench-cjs'];

/** The project as its image needs it: what is built, and the packages that it runs with. */
export function copyProject(to: string): void {
  const root = packageRoot();
  const { stdout } = spawnSync('npm', ['ls', '--omit=dev', '--all', '--parseable'], {
    cwd: root,
    encoding: 'utf8',
  });
  // Packages within packages come with them.
  const packages = stdout
    .split('\n')
    .map((line) => line.slice(line.indexOf('/node_modules/') + 1))
    .filter((path) => /^node_modules\/(@[^/]+\/)?[^/]+$/.test(path) && existsSync(join(root, path)));
  const names = ['bin', 'dist', 'examples', 'package.json', 'openapi.yaml', 'LICENSE', 'Dockerfile'];
  const archive = join(to, 'project.tar');
  for (const words of [
    [
      '-C',
      root,
      '-chf',
      archive,
      ...unread.map((each) => `--exclude=${each}`),
      ...names,
      ...new Set(packages),
    ],
    ['-C', to, '-xf', archive],
  ]) {
    const { status, stderr } = spawnSync('tar', words, { encoding: 'utf8' });
    if (status !== 0) throw new Error(`tar: ${stderr}`);
  }
  rmSync(archive);
}
