#!/usr/bin/env bash
# Measures the gateway against pass-through floors in one session, with an outside load generator and mock upstream.
#
#   bench/gateway.sh [--rounds N] [--secs S] [--scenario a,b] [--report FILE.md]
#
# The harness is not part of this repository: TOLLGATE_BENCH_HARNESS names its folder (default ../shared/bench/gateway).
# Without it this script says so and does nothing; `tollgate bench gateway` measures without any harness.
# Wanted: cargo, python3, taskset; two cores. As root everything runs in a real-time class, so that other work on the
# machine hardly shows. Only ratios to floors of the same session mean anything on a shared machine.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
harness=${TOLLGATE_BENCH_HARNESS:-$root/../shared/bench/gateway}
rounds=2 secs=5 report=$root/docs/reports/gateway-bench.md
scenarios=json-max,json-r1000,json-r5000,json-60k,sse-max,sse-r100,sse-paced
while [ $# -gt 0 ]; do
  case $1 in
    --rounds) rounds=$2 ;; --secs) secs=$2 ;; --scenario) scenarios=$2 ;; --report) report=$2 ;;
    *) sed -n '2,10p' "$0"; exit 2 ;;
  esac
  shift 2
done
if [ ! -f "$harness/bench.py" ]; then
  echo "SKIPPED: no benchmark harness at $harness; name one with TOLLGATE_BENCH_HARNESS, or use: tollgate bench gateway" >&2
  exit 0
fi

target=${CARGO_TARGET_DIR:-$root/target}
work=${TOLLGATE_BENCH_WORK:-$(mktemp -d)}
mkdir -p "$work"
# Built outside its own folder: nothing is written into the harness.
cp -r "$harness/." "$work/"
rm -rf "$work/target" "$work/run"
mkdir -p "$work/run" "$work/results"
echo "harness: building in $work" >&2
(cd "$work" && CARGO_TARGET_DIR=${TOLLGATE_BENCH_HARNESS_TARGET:-$work/target} cargo build --release --quiet)
bin=${TOLLGATE_BENCH_HARNESS_TARGET:-$work/target}/release
echo "tollgate: building" >&2
(cd "$root" && CARGO_TARGET_DIR=$target cargo build --release --quiet -p tollgate)

mock=127.0.0.1:9100
cp "$target/release/tollgate" "$work/run/tollgate"
cp "$root/crates/tollgate/src/bench/policy.tollgate" "$work/run/"
sed -e "s#{RUN}#$work/run#g" -e "s#{UPSTREAM}#$mock#g" -e "s#{LISTEN}#127.0.0.1:9320#g" "$root/crates/tollgate/src/bench/tollgate.yaml" > "$work/run/tollgate.yaml"
jsonl=$work/results/gateway.jsonl
rm -f "$jsonl"
python3 "$work/bench.py" "$work/targets/floor.json" "$root/bench/gateway/targets.json" \
  --bin "$bin" --run "$work/run" --mock "$mock" --out "$jsonl" --tries "${TOLLGATE_BENCH_TRIES:-2}" --rounds "$rounds" --secs "$secs" \
  --only direct,floor-body,floor-http,floor-co,tollgate,tollgate-auto --scenario "$scenarios"
python3 "$root/bench/gateway/report.py" "$jsonl" --version "$("$work/run/tollgate" --version)" \
  --start "$work/run" --bin "$bin" --out "$report"
cp "$jsonl" "${report%.md}.jsonl"
echo "report: $report" >&2
