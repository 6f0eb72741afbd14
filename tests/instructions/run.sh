#!/usr/bin/env bash
# The gateway's instructions per request, held to the committed counts: a regression that no clock of a busy machine shows.
#
#   TOLLGATE_BIN=target/release/tollgate tests/instructions/run.sh
#
# Takes the release binary from TOLLGATE_BIN or builds it. Without valgrind it skips.
set -euo pipefail
. "$(dirname "$0")/../lib/suite.sh"
command -v valgrind >/dev/null || skip "there is no valgrind"
binary --release
TOLLGATE=$TOLLGATE_BIN "$root/bench/instructions.sh"
