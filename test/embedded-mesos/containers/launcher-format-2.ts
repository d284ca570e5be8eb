/** The launcher and supervisors of the releases before format 3 (no namespaces), which may still run when this one is installed. */
export const launcherFormat2 = `# longrun launcher and supervisors, format 2; the launcher ends with its input.
# usage: sh launcher-2.sh root supervisor's-cgroup... -- cgroup-parent...
# input: lines of "uid gid groups container...", or "warm - - container..." for such as wait for their orders.
root=$1
shift
while [ $# -gt 0 ] && [ "$1" != -- ]; do
  echo 0 >"$1/cgroup.procs"
  shift
done
shift
parents=$*
# Limits of all tasks: no core files, and as many open files as most programs can live with.
ulimit -S -c 0
files=$(ulimit -H -n)
if [ "$files" = unlimited ] || [ "$files" -gt 65536 ]; then files=65536; fi
ulimit -S -n "$files"

# Whether anybody still wants this container: a request that comes late finds neither mark nor script.
wanted() {
  [ -e "$root/scripts/$1" ] || [ -e "$root/records/$1.warm" ]
}

# Makes the pipes of all containers of a request by one program. Writable by all so that the task may open /dev/stdout;
# nobody else can reach them in a folder of mode 0700.
make_pipes() {
  paths=
  for id; do
    if [ -e "$root/records/$id.supervisor" ] || [ -e "$root/pipes/$id.stdout" ]; then continue; fi
    wanted "$id" || continue
    set -- "$@" "$root/pipes/$id.stdout" "$root/pipes/$id.stderr"
    [ "$uid" != warm ] || set -- "$@" "$root/pipes/$id.orders"
    paths=more
  done
  [ -n "$paths" ] || return
  while [ $# -gt 0 ] && [ "\${1#/}" = "$1" ]; do shift; done
  mkfifo -m 622 "$@"
}

identify() {
  read -r stat </proc/self/stat
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
  cd "$root/sandboxes/$id" || refuse sandbox
  umask 022
  if [ "$uid" = - ]; then
    set --
  elif command -v setpriv >/dev/null; then
    set -- setpriv --reuid "$uid" --regid "$gid" --groups "$groups"
  else
    set -- chroot --userspec="$uid:$gid" --groups="$groups" --skip-chdir /
  fi
  exec 3>&- 4>&-
  exec setsid "$@" /bin/sh -s "longrun-launch:$id" <"$root/scripts/$id" >"$out" 2>"$err"
}

# A supervisor: one per container, outlives agent and launcher. SIGTERM alone does not hurry the task, whose end it must
# see; but after that end it then waits no longer than a moment for the log pump, so that a host can go down.
supervise() {
  trap '' HUP INT
  leaving=
  trap 'leaving=yes' TERM
  identify
  [ "$parent" != "$between" ] || kill -KILL "$between"
  printf supervisor >/proc/self/comm
  umask 077
  out=$root/pipes/$id.stdout
  err=$root/pipes/$id.stderr
  set -C
  printf '1 %s %s end\\n' "$pid" "$start" >"$root/records/$id.supervisor" || exit 0
  set +C
  if ! wanted "$id"; then
    rm -f "$out" "$err" "$root/pipes/$id.orders" "$root/records/$id.supervisor"
    exit 0
  fi
  [ -p "$out" ] && [ -p "$err" ] || refuse pipes
  exec 3<>"$out" 4<>"$err"
  (run)
  status=$?
  if ! [ -s "$root/records/$id.exit" ]; then
    [ -s "$root/records/$id.task" ] || refuse early
    until printf '1 exited %s end\\n' "$status" >"$root/records/$id.exit"; do
      [ -d "$root/records" ] || exit 1
      sleep 1
    done
  fi
  # The pipes stay open until the log pump has emptied and removed them; then the agent usually ends this process.
  pause=1
  while [ -e "$out" ] || [ -e "$err" ]; do
    case $leaving in
    yesyesyes) break ;;
    yes*) leaving=yes$leaving pause=1 ;;
    esac
    sleep "$pause"
    [ "$pause" -ge 30 ] || pause=$((pause * 2))
  done
  exit 0
}

while read -r uid gid groups ids; do
  make_pipes $ids
  for id in $ids; do
    (
      exec </dev/null
      identify
      between=$pid
      (supervise)
      exit 0
    )
  done
done
exit 0
`;
