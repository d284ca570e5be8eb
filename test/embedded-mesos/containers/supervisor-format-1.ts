/** The supervisor of the releases before format 2, as it may still run when this one is installed. */
export const supervisorFormat1 = `# longrun supervisor, format 1: one per container, outlives the agent.
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
