import { unshareWords } from './namespace-script.js';
import { taskProcess } from './task-process-script.js';

/**
 * The shell program that stands between the agent and its tasks: the launcher, and the supervisors that it forks. POSIX sh
 * only (dash, ash, bash). It is written into the work dir under a name with the format's number, so that a running one is
 * never changed by an upgrade.
 *
 * Records are one line, written by one write and ended by the word `end`: a reader takes an unfinished one as not yet
 * there, which spares the program that a rename would cost; a crash of the machine voids all of them anyway.
 * `set -C` makes the claim exclusive: however often a launch is asked, one supervisor runs it.
 *
 * Nothing but the log's pipes and the session needs a program of its own before the task's privileges are dropped. Neither
 * the task nor its supervisor is ever in a background list, whose members a shell starts with SIGINT and SIGQUIT ignored,
 * for good: the supervisor gets rid of the shell between it and the launcher by ending that, its own parent.
 */
export const launcherScript = `# longrun launcher and supervisors, format 3; the launcher ends with its input.
# usage: sh launcher-3.sh root own|shared supervisor's-cgroup... -- cgroup-parent...
# input: lines of "uid gid groups container...", or "warm - - container..." for such as wait for their orders.
root=$1 namespaces=$2
shift 2
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

proc=/proc
${taskProcess}
# Gives the container namespaces of its own. What waits between them and the supervisor is unshare(1), which ends as the first
# process inside does, and takes that with it when it is killed. It keeps the supervisor's groups.
enter() {
  trap - HUP INT TERM
  exec 3>&- 4>&-
  cd /proc || refuse namespaces
  exec ${unshareWords} \\
    /bin/sh "$root/runtime/namespace-3.sh" "$root" "$id" "$uid" "$gid" "$groups" $parents
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
  case $namespaces in
  own) (enter) ;;
  *) (run) ;;
  esac
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
