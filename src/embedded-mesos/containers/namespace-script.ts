import { taskProcess } from './task-process-script.js';

/**
 * The words of util-linux's unshare(1) with which a container gets namespaces of its own. What the host mounts and unmounts later
 * is seen inside, but nothing that is mounted inside is seen outside.
 */
export const unshareWords =
  'unshare --pid --ipc --mount --propagation slave --fork --kill-child --mount-proc';

/**
 * The first process of a container's namespaces. The task is not that process itself: signals whose action is the default never
 * reach a namespace's first process, so a task would not end at SIGTERM, and what it leaves behind would stay as zombies. This
 * shell reaps, has no handlers (hence nothing but the kernel's own end can hit it), and with its end everything inside is
 * killed. It stays out of the task's cgroups: neither limits nor a fork bomb reach it.
 *
 * Its working folder is the host's /proc, on which the container's own is mounted: the way to know a process's pid outside.
 */
export const namespaceScript = `# longrun: the first process of a container's namespaces, format 3
# usage: cd /proc; unshare ... sh namespace-3.sh root container uid gid groups cgroup-parent...
root=$1 id=$2 uid=$3 gid=$4 groups=$5
shift 5
parents=$*
proc=.
umask 077
${taskProcess}
(run)
exit $?
`;
