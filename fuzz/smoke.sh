#!/usr/bin/env bash
# Every fuzz target for a bounded time, with what this machine has: always the driver that needs no tool; libFuzzer for
# a few seconds each where cargo-fuzz and a nightly compiler are installed. FUZZ_ROUNDS and FUZZ_SECONDS say how long.
set -euo pipefail
cd "$(dirname "$0")"
cargo test --quiet "$@"
if cargo +nightly fuzz --version >/dev/null 2>&1; then
  for target in $(sed -n 's/^    Target { name: "\([a-z_]*\)".*/\1/p' src/lib.rs); do
    echo "libFuzzer: $target"
    TOLLGATE_FUZZ=$target cargo +nightly fuzz run --features libfuzzer fuzz -- \
      -max_total_time="${FUZZ_SECONDS:-10}" -max_len=65536 -verbosity=0
  done
else
  echo "libFuzzer: skipped, cargo-fuzz or a nightly compiler is not installed"
fi
