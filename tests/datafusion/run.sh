#!/usr/bin/env bash
# The fold and the score as functions of DataFusion's SQL: in process, and on a Ballista cluster of a scheduler and two executors
# on this machine. Both must give the histories of `risk fold` and the scores of `risk score`, bit for bit.
#
#   TOLLGATE_DATAFUSION=1 TOLLGATE_BIN=FILE tests/datafusion/run.sh      builds some 300 crates (half an hour on two cores, 2 GB)
set -euo pipefail
cd "$(dirname "$0")/../.."
if [ -z "${TOLLGATE_DATAFUSION:-}" ]; then
  echo "SKIPPED: DataFusion and Ballista take half an hour to build: ask with TOLLGATE_DATAFUSION=1"
  exit 0
fi
export CARGO_INCREMENTAL=0
tollgate=$(realpath "$TOLLGATE_BIN") crate=$PWD/crates/risk-datafusion
target=${CARGO_TARGET_DIR:-$crate/target}
(cd "$crate" && cargo test --quiet --locked --features cluster)
(cd "$crate" && cargo build --quiet --locked --features cluster --example cluster)
cluster=$(realpath "$target/debug/examples/cluster")
folder=$(mktemp -d) running=()
end() {
  for process in "${running[@]}"; do kill "$process" 2>/dev/null && wait "$process" 2>/dev/null || true; done
  rm -rf "$folder"
}
trap end EXIT
cd "$folder"

"$cluster" generate data
"$tollgate" risk train --data data --out model --epochs 1 >/dev/null
"$tollgate" risk score --model model --data data --out scores.csv >/dev/null
"$tollgate" risk fold --data data --out data/folded --whole >/dev/null
cut -d, -f1,2 scores.csv | LC_ALL=C sort >wanted.csv

same() { # same WHAT SCHEDULER: the query fails where a history differs; the scores are compared here.
  "$cluster" query "$2" model data >found.csv && LC_ALL=C sort found.csv | cmp - wanted.csv || return
  echo "$1: $(($(wc -l <wanted.csv) - 1)) histories and scores are those of risk fold and risk score, bit for bit"
}
same "in process" none

# Ports that nobody listens on, far from those that the kernel gives out.
port=$((20000 + $$ % 5000 * 2))
"$cluster" scheduler $port model >scheduler.log 2>&1 & running+=($!)
for executor in 1 2; do
  "$cluster" executor $((port + 2 * executor)) $port model "work-$executor" >"executor-$executor.log" 2>&1 & running+=($!)
done
for listens in $port $((port + 2)) $((port + 4)); do
  for turn in $(seq 120); do
    if (: <>/dev/tcp/127.0.0.1/$listens) 2>/dev/null; then break; fi
    [ "$turn" != 120 ] || { cat ./*.log >&2; exit 1; }
    sleep 0.5
  done
done
same "two executors" $port || { cat ./*.log >&2; exit 1; }
for executor in 1 2; do
  # What an executor shuffles lies in its own folder.
  [ -n "$(find "work-$executor" -type f | head -1)" ] || { echo "executor $executor had nothing to do" >&2; exit 1; }
  echo "executor $executor wrote $(find "work-$executor" -type f | wc -l) files of shuffles"
done
