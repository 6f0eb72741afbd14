#!/usr/bin/env bash
# Counts the gateway's instructions per request under valgrind and holds them to the budget in bench/instructions.txt.
#
#   bench/instructions.sh [--write]     --write replaces the budget by what was measured
#
# Instructions in user space do not depend on what else the machine does, so unlike time they can guard against
# regressions. The count of a request is the difference of two runs: N requests, and none but one.
# Wanted: valgrind, and a release build (TOLLGATE names another binary). A request may cost SLACK percent more than its budget:
# 10 unless said otherwise, since compilers and the memcpy of a C library differ a little too. `tests/instructions/run.sh` does
# this as one of the suites.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
tollgate=${TOLLGATE:-${CARGO_TARGET_DIR:-$root/target}/release/tollgate}
budget=$root/bench/instructions.txt
slack=${SLACK:-10}
write=${1:-}
command -v valgrind > /dev/null || { echo "SKIPPED: valgrind is not installed" >&2; exit 0; }
[ -x "$tollgate" ] || { echo "no release build at $tollgate: cargo build --release -p tollgate" >&2; exit 2; }
run=$(mktemp -d)
upstream=127.0.0.1:19100 listen=127.0.0.1:19320
"$tollgate" bench part upstream --listen $upstream & parts=$!
trap 'kill $parts 2> /dev/null || true; rm -rf "$run"' EXIT
cp "$root/crates/tollgate/src/bench/policy.tollgate" "$run/"
sed -e "s#{RUN}#$run#g" -e "s#{UPSTREAM}#$upstream#g" -e "s#{LISTEN}#$listen#g" \
  "$root/crates/tollgate/src/bench/tollgate.yaml" > "$run/tollgate.yaml"

# instructions PAYLOAD REQUESTS
instructions() {
  rm -rf "$run/data"
  valgrind --tool=callgrind --callgrind-out-file=/dev/null "$tollgate" serve "$run/tollgate.yaml" --quiet 2> "$run/log" & local pid=$!
  "$tollgate" bench part load --listen $listen --payload "$1" --requests "$2" || { kill $pid; wait $pid || true; echo "the load failed" >&2; exit 1; }
  kill -TERM $pid
  wait $pid || true
  sed -n 's/.*Collected : *//p' "$run/log"
}

failed=0
measured=
for row in short:300 long:60 stream:60; do
  payload=${row%:*} count=${row#*:}
  few=$(instructions "$payload" 1)
  many=$(instructions "$payload" $((count + 1)))
  each=$(((many - few) / count))
  measured+="$payload $each"$'\n'
  allowed=$(awk -v p="$payload" '$1 == p { print $2 }' "$budget" 2> /dev/null || true)
  if [ "$write" = --write ] || [ -z "$allowed" ]; then
    echo "$payload: $each instructions per request"
  elif [ "$each" -gt $((allowed * (100 + slack) / 100)) ]; then
    echo "$payload: $each instructions per request, more than $allowed + $slack %"
    failed=1
  else
    echo "$payload: $each instructions per request, within $allowed + $slack %"
  fi
done
[ "$write" = --write ] && printf '%s' "$measured" > "$budget"
exit $failed
