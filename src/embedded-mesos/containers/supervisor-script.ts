/**
 * The two shell programs that stand between the agent and its tasks. POSIX sh only (dash, ash, bash). They are written into
 * the work dir under a name with the format's number, so that a running one is never changed by an upgrade.
 *
 * Records are one line, written by one write and ended by the word `end`: a reader takes an unfinished one as not yet
 * there, which spares the program that a rename would cost; a crash of the machine voids all of them anyway.
 * `set -C` makes the claim exclusive: however often a launch is asked, one supervisor runs it.
 *
 * The task is a foreground child: a background one would start with SIGINT and SIGQUIT ignored.
 */
export const supervisorScript = `# longrun supervisor, format 1: one per container, outlives the agent.
# usage: sh supervisor-1.sh root container uid gid groups cgroup-parent...
root=$1 id=$2 uid=$3 gid=$4 groups=$5
shift 5
parents=$*
out=$root/pipes/$id.stdout
err=$root/pipes/$id.stderr
trap '' HUP INT TERM
umask 077

identify() {
  read -r stat </proc/self/stat
  pid=\${stat%% *}
  set -- \${stat##*) }
  start=\${20}
}
refuse() {
  printf '1 failed %s end\\n' "$1" >"$root/records/$id.exit"
  exit 1
}

identify
set -C
printf '1 %s %s end\\n' "$pid" "$start" >"$root/records/$id.supervisor" || exit 0
set +C
# A request that comes late, after its container was forgotten, finds no script and does nothing.
[ -e "$root/scripts/$id" ] || exit 0

# Writable by all so that the task may open /dev/stdout; nobody else can reach them in a folder of mode 0700.
mkfifo -m 622 "$out" "$err" || refuse pipes
exec 3<>"$out" 4<>"$err"

(
  trap - HUP INT TERM
  for parent in $parents; do
    echo 0 >"$parent/$id/cgroup.procs" || refuse cgroup
  done
  identify
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
)
status=$?

[ -s "$root/records/$id.exit" ] || until printf '1 exited %s end\\n' "$status" >"$root/records/$id.exit"; do
  [ -d "$root/records" ] || exit 1
  sleep 1
done

# The pipes stay open until the log pump has emptied and removed them; then the agent usually ends this process.
pause=1
while [ -e "$out" ] || [ -e "$err" ]; do
  sleep "$pause"
  [ "$pause" -ge 30 ] || pause=$((pause * 2))
done
`;

/** Forks supervisors in under a millisecond each; Node would take three, and block meanwhile. */
export const launcherScript = `# longrun launcher, format 1: reads launch requests, starts supervisors; ends with its input.
# usage: sh launcher-1.sh root supervisor's-cgroup... -- cgroup-parent...
root=$1
shift
while [ $# -gt 0 ] && [ "$1" != -- ]; do
  echo 0 >"$1/cgroup.procs"
  shift
done
shift
# Limits of all tasks: no core files, and as many open files as most programs can live with.
ulimit -S -c 0
files=$(ulimit -H -n)
if [ "$files" = unlimited ] || [ "$files" -gt 65536 ]; then files=65536; fi
ulimit -S -n "$files"
# No signal is ignored here: what a shell ignores from its start it cannot reset for the tasks.
while read -r id uid gid groups; do
  setsid --fork sh "$root/runtime/supervisor-1.sh" "$root" "$id" "$uid" "$gid" "$groups" "$@" </dev/null >/dev/null 2>&1
done
`;
