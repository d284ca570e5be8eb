#!/bin/sh
# The first process of the image: makes credentials at the first start, runs longrun, hands signals on to it, and reaps what
# nobody else waits for (a shell does while it waits).
set -eu

work_dir=${LONGRUN_WORK_DIR:-/var/lib/longrun}
credentials=$work_dir/credentials

[ "${1:-}" = up ] || exec longrun "$@"

mkdir -p "$work_dir"
if [ ! -s "$credentials" ]; then
  (
    umask 077
    node -p '"admin:" + require("node:crypto").randomBytes(18).toString("base64url")' >"$credentials.new"
  )
  mv "$credentials.new" "$credentials"
  echo "made credentials for the API; to see them: docker exec CONTAINER cat $credentials"
fi

longrun "$@" --http-credentials "@$credentials" &
longrun=$!
trap 'kill -INT "$longrun"' INT
trap 'kill -TERM "$longrun"' TERM
trap 'kill -QUIT "$longrun"' QUIT

# A signal ends a wait before longrun has ended.
while :; do
  status=0
  wait "$longrun" || status=$?
  kill -0 "$longrun" 2>/dev/null || exit "$status"
done
