import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { programPath } from './docker-programs.js';

/** The capabilities in the order of their numbers (capabilities(7)). */
const names = (
  'chown dac_override dac_read_search fowner fsetid kill setgid setuid setpcap linux_immutable net_bind_service ' +
  'net_broadcast net_admin net_raw ipc_lock ipc_owner sys_module sys_rawio sys_chroot sys_ptrace sys_pacct sys_admin ' +
  'sys_boot sys_nice sys_resource sys_time sys_tty_config mknod lease audit_write audit_control setfcap mac_override ' +
  'mac_admin syslog wake_alarm block_suspend audit_read perfmon bpf checkpoint_restore'
).split(' ');

/** What this machine itself may never do, by the capabilities' names. */
function missingHere(): readonly string[] {
  const [, bounding = '0'] = /^CapBnd:\s*([0-9a-f]+)/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
  const last = Number(readFileSync('/proc/sys/kernel/cap_last_cap', 'utf8'));
  return names
    .slice(0, last + 1)
    .filter((_, number) => ((BigInt(`0x${bounding}`) >> BigInt(number)) & 1n) === 0n)
    .map((name) => `CAP_${name.toUpperCase()}`);
}

/**
 * Writes a runtime that leaves out of every container the capabilities that this machine does not have itself (a privileged one is
 * given all of them by the engine, and runc refuses what it cannot give), and is runc otherwise. Returns the engine's flags for it.
 */
export function boundedRuntime(path: string): readonly string[] {
  const missing = missingHere();
  if (missing.length === 0) return [];
  const without = missing.flatMap((name) => ['-e', `s/"${name}",//g`, '-e', `s/,"${name}"//g`]);
  const script = `#!/bin/sh
previous=
for word; do
  case $previous in
  --bundle | -b) sed -i ${without.map((each) => `'${each}'`).join(' ')} "$word/config.json" ;;
  --process | -p) sed -i ${without.map((each) => `'${each}'`).join(' ')} "$word" ;;
  esac
  previous=$word
done
exec ${programPath('runc')} "$@"
`;
  writeFileSync(path, script);
  chmodSync(path, 0o755);
  return ['--add-runtime', `bounded=${path}`, '--default-runtime', 'bounded'];
}
