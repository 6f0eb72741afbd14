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
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
suites=("$@")
[ $# -gt 0 ] || suites=(rail task)
cache=${CARD_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/tollgate-card}
mkdir -p "$cache"

. "$here/../lib/suite.sh"

command -v python3 >/dev/null || skip "there is no python3"
if ! cmp -s "$here/requirements.txt" "$cache/requirements.txt"; then
    rm -rf "$cache/venv" "$cache/requirements.txt"
    python3 -m venv "$cache/venv" || skip "python3 has no venv"
    "$cache/venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt" ||
        skip "localstripe cannot be installed"
    cp "$here/requirements.txt" "$cache/requirements.txt"
fi

work=$(mktemp -d)
mkfifo "$work/hook" "$work/out"
PYTHONDONTWRITEBYTECODE=1 "$cache/venv/bin/python" "$here/api.py" "$work/hook" >"$work/out" &
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
    if [ -z "${TOLLGATE_BIN:-}" ]; then
        (cd "$root" && cargo build --quiet -p tollgate)
        TOLLGATE_BIN=${CARGO_TARGET_DIR:-$root/target}/debug/tollgate
    fi
    TOLLGATE_BIN=$(realpath "$TOLLGATE_BIN")
    export TOLLGATE_BIN
    mkdir "$work/task"
    WORK=$work/task HOOK=$work/hook HOOK_PORT=$hook "$here/task.sh"
fi
