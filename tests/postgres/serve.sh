#!/usr/bin/env bash
# A PostgreSQL server of one's own, on a Unix socket, with everything durable as it is by default.
#
#   serve.sh [DIR]   prints the server's URL on a line, runs until its standard input ends, then stops the server.
#                    Without DIR the data are in a folder that is removed afterwards. Exit code 3 when there is no
#                    PostgreSQL here.
set -euo pipefail
bin=$(dirname "$(command -v initdb || ls -d /usr/lib/postgresql/*/bin/initdb 2>/dev/null | sort -V | tail -1)")
[ -x "$bin/initdb" ] || { echo "there is no PostgreSQL here (apt-get install postgresql)" >&2; exit 3; }
# The server refuses to run as root.
as=()
[ "$(id -u)" != 0 ] || as=(runuser -u postgres --)
given=${1:-}
dir=${given:-$(mktemp -d "${TMPDIR:-/tmp}/tollgate-postgres-XXXXXX")}
[ -z "${as[*]}" ] || chown postgres "$dir"
cd /
stop() {
  "${as[@]}" "$bin/pg_ctl" --pgdata "$dir/data" --mode immediate --silent stop >/dev/null 2>&1 || true
  [ -n "$given" ] || rm -rf "$dir"
}
trap stop EXIT
if [ ! -e "$dir/data/PG_VERSION" ]; then
  "${as[@]}" "$bin/initdb" --pgdata "$dir/data" --username tollgate --auth trust --no-sync --encoding UTF8 --locale C >/dev/null
fi
"${as[@]}" "$bin/pg_ctl" --pgdata "$dir/data" --log "$dir/log" --silent --wait \
  --options "-c listen_addresses='' -c unix_socket_directories='$dir' -c max_connections=50" start >/dev/null </dev/null ||
  { cat "$dir/log" >&2; exit 1; }
echo "postgres://tollgate@${dir//\//%2F}/postgres"
cat >/dev/null
