#!/usr/bin/env bash
# Every fuzz target for a bounded time, with what this machine has: always the driver that needs no tool (FUZZ_ROUNDS says
# how long); with FUZZ_SECONDS=N also libFuzzer, N seconds for each target, which needs cargo-fuzz and a nightly compiler.
set -euo pipefail
cd "$(dirname "$0")"
cargo test --quiet "$@"
seconds=${FUZZ_SECONDS:-0}
[ "$seconds" -gt 0 ] || { echo "libFuzzer: not asked for; FUZZ_SECONDS=10 runs it"; exit 0; }
cargo +nightly fuzz --version >/dev/null || { echo "libFuzzer: install cargo-fuzz and a nightly compiler" >&2; exit 1; }
cargo +nightly fuzz build --features libfuzzer
for target in $(cargo test --quiet --test smoke -- --list | sed -n 's/^\([a-z_]*\): test$/\1/p' | grep -v '^every_'); do
  echo "libFuzzer: $target"
  TOLLGATE_FUZZ=$target cargo +nightly fuzz run --features libfuzzer fuzz -- \
    -max_total_time="$seconds" -max_len=65536 -verbosity=0 -print_final_stats=1
done
