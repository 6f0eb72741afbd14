#!/usr/bin/env bash
# A soak at half load: mixed dialects, streams, faults and callers that leave, while resident memory is watched.
#
#   tests/soak/run.sh                 one minute
#   tests/soak/run.sh --minutes 10    the real one; --report FILE writes what docs/reports/soak.md holds
#
# Takes the release binary from TOLLGATE_BIN or builds it. Fails when memory climbs, or when an answer is not what its
# request asked for.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
if ! command -v python3 >/dev/null || [ ! -r /proc/self/status ]; then
  echo "SKIPPED: the soak needs python3 and /proc"
  exit 0
fi
if [ -z "${TOLLGATE_BIN:-}" ]; then
  (cd "$root" && cargo build --release --quiet)
  TOLLGATE_BIN=${CARGO_TARGET_DIR:-$root/target}/release/tollgate
fi
TOLLGATE_BIN=$(realpath "$TOLLGATE_BIN") exec python3 -B "$here/soak.py" "$@"
