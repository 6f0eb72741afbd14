#!/usr/bin/env bash
# A PostgreSQL server of one's own, on a Unix socket, with everything durable as it is by default.
#
#   serve.sh [DIR]   prints the server's URL on a line, runs until its standard input ends, then stops the server.
#                    Without DIR the data are in a folder that is removed afterwards. Exit code 3 when there is no
#                    PostgreSQL here.
#
# With TLS_PORT it also listens there, on loopback and for TLS alone, with a certificate for `localhost` of an authority of its own,
# DIR/ca.pem. Exit code 3 where there is no openssl to make them.
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
options="-c listen_addresses='' -c unix_socket_directories='$dir' -c max_connections=50"
if [ -n "${TLS_PORT:-}" ]; then
  command -v openssl >/dev/null || { echo "there is no openssl here" >&2; exit 3; }
  key=(-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes)
  openssl req -x509 "${key[@]}" -days 2 -subj "/CN=authority" -keyout "$dir/ca.key" -out "$dir/ca.pem" 2>/dev/null
  openssl req "${key[@]}" -subj "/CN=server" -keyout "$dir/server.key" -out "$dir/server.csr" 2>/dev/null
  printf 'subjectAltName=DNS:localhost\n' >"$dir/server.ext"
  openssl x509 -req -in "$dir/server.csr" -CA "$dir/ca.pem" -CAkey "$dir/ca.key" -CAcreateserial -days 2 \
    -extfile "$dir/server.ext" -out "$dir/server.pem" 2>/dev/null
  chmod 600 "$dir/server.key"
  [ -z "${as[*]}" ] || chown postgres "$dir/server.key" "$dir/server.pem"
  printf '%s\n' 'local all all trust' 'hostssl all all 127.0.0.1/32 trust' 'hostssl all all ::1/128 trust' >"$dir/hba"
  options="-c listen_addresses=localhost -c port=$TLS_PORT -c unix_socket_directories='$dir' -c hba_file=$dir/hba"
  options+=" -c ssl=on -c ssl_cert_file=$dir/server.pem -c ssl_key_file=$dir/server.key"
fi
"${as[@]}" "$bin/pg_ctl" --pgdata "$dir/data" --log "$dir/log" --silent --wait \
  --options "$options" start >/dev/null </dev/null ||
  { cat "$dir/log" >&2; exit 1; }
echo "postgres://tollgate@${dir//\//%2F}/postgres"
cat >/dev/null
