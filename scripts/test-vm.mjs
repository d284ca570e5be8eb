// npm run test:vm: Debian 12 with systemd and cgroup v2 in an emulated machine walks the README's tour as root,
// and runs the suites of plain processes.
// Needs root on Debian (debootstrap, qemu-system-x86, e2fsprogs). Keeps its summary in docs/measurements/vm.txt.
import { spawn, spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';

const root = fileURLToPath(new URL('..', import.meta.url));
const cache = join(tmpdir(), 'longrun-vm');
const base = join(cache, 'rootfs');
const staging = join(cache, 'staging');
const disk = join(cache, 'disk.img');
const limitMs = 45 * 60_000;

function run(command, args, options = {}) {
  const result = spawnSync(command, args, { stdio: 'inherit', ...options });
  if (result.status !== 0)
    throw new Error(`${command} ${args.join(' ')} ended with ${result.status ?? result.error?.message}`);
}

function refuse(why) {
  process.stdout.write(`left out: the virtual machine suite: ${why}\n0 passed, 0 failed\n`);
  process.exit(0);
}

function prepare() {
  if (process.getuid?.() !== 0 || !existsSync('/etc/debian_version')) refuse('it needs root on Debian');
  const missing = [
    ['debootstrap', 'debootstrap'],
    ['qemu-system-x86_64', 'qemu-system-x86'],
    ['mkfs.ext4', 'e2fsprogs'],
  ].filter(
    ([program]) =>
      !`${process.env.PATH}:/usr/sbin:/sbin`.split(':').some((dir) => existsSync(join(dir, program))),
  );
  if (missing.length > 0) {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    run('apt-get', ['update', '-qq'], { env });
    run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...missing.map(([, name]) => name)], {
      env,
    });
  }
  mkdirSync(cache, { recursive: true });
  if (
    !existsSync(join(base, 'etc/debian_version')) ||
    readdirSync(join(base, 'boot')).every((name) => !name.startsWith('vmlinuz'))
  ) {
    process.stdout.write('making a Debian 12 root file system (some minutes) ...\n');
    rmSync(base, { recursive: true, force: true });
    run('debootstrap', [
      '--variant=minbase',
      '--include=systemd,systemd-sysv,dbus,linux-image-amd64,iproute2,procps,util-linux,kmod,udev,libstdc++6,libatomic1',
      'bookworm',
      base,
    ]);
  }
  run(process.execPath, [join(root, 'scripts/build.mjs'), '--if-stale']);
}

/** The suites of plain processes, which the machine runs for itself, and what they need. */
function stageSuite(home) {
  mkdirSync(home, { recursive: true });
  for (const part of ['src', 'test', 'jest.config.cjs', 'biome.json', 'package.json'])
    cpSync(join(root, part), join(home, part), { recursive: true });
  run('cp', ['-a', realpathSync(join(root, 'node_modules')), join(home, 'node_modules')]);
}

function stage() {
  rmSync(staging, { recursive: true, force: true });
  run('cp', ['-a', base, staging]);
  const home = join(staging, 'opt/longrun');
  mkdirSync(home, { recursive: true });
  for (const part of [
    'bin',
    'dist',
    'examples',
    'openapi.yaml',
    'package.json',
    'package-lock.json',
    'README.md',
  ])
    cpSync(join(root, part), join(home, part), { recursive: true });
  run('npm', ['ci', '--omit=dev', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: home });
  cpSync(process.execPath, join(staging, 'usr/local/bin/node'));
  symlinkSync('/opt/longrun/bin/longrun.js', join(staging, 'usr/local/bin/longrun'));
  cpSync(join(root, 'test/vm/walk.mjs'), join(staging, 'opt/vm-walk.mjs'));
  cpSync(join(root, 'test/vm/isolation.mjs'), join(staging, 'opt/isolation.mjs'));
  stageSuite(join(staging, 'opt/suite'));
  const units = join(staging, 'etc/systemd/system');
  writeFileSync(
    join(units, 'longrun.service'),
    '[Unit]\nDescription=longrun\n[Service]\nExecStart=/usr/local/bin/longrun up\nKillMode=process\nDelegate=yes\nRestart=on-failure\nLimitNOFILE=65536\nEnvironment=PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin\n[Install]\nWantedBy=multi-user.target\n',
  );
  writeFileSync(
    join(units, 'vm-walk.service'),
    '[Unit]\nDescription=walk the tour\nAfter=longrun.service\n[Service]\nType=simple\nExecStart=/usr/local/bin/node /opt/vm-walk.mjs\nStandardOutput=file:/dev/ttyS0\nStandardError=file:/dev/ttyS0\nEnvironment=PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin\n[Install]\nWantedBy=multi-user.target\n',
  );
  mkdirSync(join(units, 'multi-user.target.wants'), { recursive: true });
  for (const unit of ['longrun.service', 'vm-walk.service'])
    symlinkSync(`/etc/systemd/system/${unit}`, join(units, 'multi-user.target.wants', unit));
  // The console belongs to the walk: a login prompt on it would hang up whoever else writes there.
  symlinkSync('/dev/null', join(units, 'serial-getty@ttyS0.service'));
  writeFileSync(join(staging, 'etc/fstab'), '/dev/vda / ext4 defaults 0 1\n');
  writeFileSync(join(staging, 'etc/hostname'), 'vm\n');
  writeFileSync(join(staging, 'etc/hosts'), '127.0.0.1 localhost vm\n');
  rmSync(disk, { force: true });
  run('truncate', ['-s', '4G', disk]);
  run('mkfs.ext4', ['-q', '-F', '-d', staging, disk]);
}

function boot() {
  const pick = (prefix) =>
    join(base, 'boot', readdirSync(join(base, 'boot')).find((name) => name.startsWith(prefix)) ?? '');
  const args = [
    '-machine',
    'q35',
    '-accel',
    'tcg,thread=multi',
    '-cpu',
    'max',
    '-smp',
    '2',
    '-m',
    '3072',
    '-nographic',
    '-net',
    'none',
    '-drive',
    `file=${disk},if=virtio,format=raw,cache=unsafe`,
    '-kernel',
    pick('vmlinuz'),
    '-initrd',
    pick('initrd'),
    '-append',
    'root=/dev/vda rw console=ttyS0 quiet systemd.show_status=0',
  ];
  process.stdout.write('booting the machine ...\n');
  return new Promise((done) => {
    const machine = spawn('qemu-system-x86_64', args, { stdio: ['ignore', 'pipe', 'inherit'] });
    const limit = setTimeout(() => machine.kill('SIGKILL'), limitMs);
    const lines = [];
    let rest = '';
    machine.stdout.setEncoding('latin1').on('data', (text) => {
      rest += text;
      const parts = rest.split('\n');
      rest = parts.pop() ?? '';
      for (const part of parts) {
        const line = stripVTControlCharacters(part.replaceAll('\r', ''));
        if (process.env.VM_VERBOSE) process.stdout.write(`| ${line}\n`);
        const at = line.indexOf('VM ');
        if (at < 0) continue;
        lines.push(line.slice(at + 3));
        process.stdout.write(`${line.slice(at + 3)}\n`);
      }
    });
    machine.on('exit', () => {
      clearTimeout(limit);
      done(lines);
    });
  });
}

prepare();
stage();
const started = Date.now();
const lines = await boot();
const result = /^RESULT: (\d+) passed, (\d+) failed/.exec(lines.at(-1) ?? '');
mkdirSync(join(root, 'docs/measurements'), { recursive: true });
writeFileSync(
  join(root, 'docs/measurements/vm.txt'),
  `npm run test:vm (${Math.round((Date.now() - started) / 1000)} s in the machine)\n${lines.join('\n')}\n`,
);
rmSync(staging, { recursive: true, force: true });
process.stdout.write(
  result
    ? `${result[1]} passed, ${result[2]} failed\n`
    : 'the machine ended without a result\n0 passed, 1 failed\n',
);
process.exit(result && Number(result[2]) === 0 && Number(result[1]) > 0 ? 0 : 1);
