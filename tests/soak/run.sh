#!/usr/bin/env bash
# A soak at half load: mixed dialects, streams, faults and callers that leave, while resident memory is watched.
#
#   tests/soak/run.sh                 one minute
#   tests/soak/run.sh --minutes 10    the real one; --report FILE writes what docs/reports/soak.md holds
#
# Takes the release binary from TOLLGATE_BIN or builds it. Fails when memory climbs, or when an answer is not what its
# request asked for.
set -euo pipefail
. "$(dirname "$0")/../lib/suite.sh"
[ -r /proc/self/status ] && command -v python3 >/dev/null || skip "it needs python3 and /proc"
binary --release
exec python3 -B "$here/soak.py" "$@"
