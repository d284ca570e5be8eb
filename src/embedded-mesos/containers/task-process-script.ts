/**
 * The part of the shell programs that becomes the task: a fork of the supervisor, or of the first process of the container's
 * own namespaces. `$proc` is a /proc that counts as the host does: records name processes by the host's pids.
 *
 * The stage is a script of the agent's for what has to be done in the container's namespaces while there are still rights to do
 * it: mounts, the entry into a network. It sets `$bounds`, further words for setpriv, and `$before`, a program that starts it.
 */
export const taskProcess = `identify() {
  read -r stat <"$proc/self/stat"
  pid=\${stat%% *}
  set -- \${stat##*) }
  parent=$2 start=\${20}
}
refuse() {
  printf '1 failed %s end\\n' "$1" >"$root/records/$id.exit"
  exit 1
}

# The task's own process: joins its groups, then (a warm one) waits for its orders, then becomes the task.
run() {
  trap - HUP INT TERM
  for parent in $parents; do
    echo 0 >"$parent/$id/cgroup.procs" || refuse cgroup
  done
  identify
  if [ "$uid" = warm ]; then
    printf '1 %s %s end\\n' "$pid" "$start" >"$root/records/$id.warm" || refuse record
    orders=
    until [ "$orders" = end ]; do
      [ -p "$root/pipes/$id.orders" ] || refuse orders
      read -r uid gid groups orders <"$root/pipes/$id.orders"
    done
  fi
  printf '1 %s %s end\\n' "$pid" "$start" >"$root/records/$id.task" || refuse record
  exec 3>&- 4>&- <"$root/scripts/$id" >"$root/pipes/$id.stdout" 2>"$root/pipes/$id.stderr" || refuse pipes
  bounds= before=
  if [ -e "$root/scripts/$id.stage" ]; then . "$root/scripts/$id.stage" || refuse stage; fi
  cd "$root/sandboxes/$id" || refuse sandbox
  umask 022
  if [ "$uid" = - ] && [ -z "$bounds" ]; then
    set --
  elif [ "$uid" = - ]; then
    set -- setpriv $bounds
  elif command -v setpriv >/dev/null; then
    set -- setpriv --reuid "$uid" --regid "$gid" --groups "$groups" $bounds
  else
    set -- chroot --userspec="$uid:$gid" --groups="$groups" --skip-chdir /
  fi
  exec $before setsid "$@" /bin/sh -s "longrun-launch:$id"
}
`;
