#!/usr/bin/env bash
# Card payments against localstripe, an implementation of Stripe's API by others.
#
#   tests/card/run.sh                everything
#   tests/card/run.sh rail task      some of: rail, task
#
# rail: the conformance kit, with every fault at every request. task: whole tasks by the command line of the binary in TOLLGATE_BIN (or
# a built one): held, captured in part, refunded, given back, refused; and a webhook that localstripe signed.
#
# localstripe is installed once, at a pinned version, in $CARD_CACHE. Where its registry cannot be reached this says so and ends with 0;
# everything else that fails is a failure.
set -euo pipefail
. "$(dirname "$0")/../lib/suite.sh"
suites=("$@")
[ $# -gt 0 ] || suites=(rail task)
cache=${CARD_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/tollgate-card}
mkdir -p "$cache"

python_of "$cache" localstripe

work=$(mktemp -d)
mkfifo "$work/hook" "$work/out"
"$python" "$here/api.py" "$work/hook" >"$work/out" &
api=$!
trap 'kill "$api" 2>/dev/null || true; wait; rm -rf "$work"' EXIT
read -r port hook <"$work/out" || { echo "localstripe did not start" >&2; exit 1; }
export TOLLGATE_CARD_API=http://127.0.0.1:$port

if wanted rail; then
    printf '\n== rail, at localstripe\n'
    (cd "$root" && cargo test --quiet -p tollgate-card --test it)
fi

if wanted task; then
    printf '\n== tasks, paid by card\n'
    binary
    mkdir "$work/task"
    WORK=$work/task HOOK=$work/hook HOOK_PORT=$hook "$here/task.sh"
fi
