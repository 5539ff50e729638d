#!/usr/bin/env bash
# Scans the helper's HTTPS port with testssl.sh and sslyze: fails on any finding worse than informational.
# A self-signed certificate is made for the run, so that what both say about trust in it is not counted.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/lib.sh
source scripts/lib.sh

sslyze=.tools/tls/bin/sslyze
if [ ! -x "$sslyze" ] || ! command -v testssl >/dev/null; then
    echo "scan-tls: needs sslyze and testssl; run: ./setup.sh ci" >&2
    exit 69
fi
bin=${MLAAS_BIN:-.build/debug}
port=$(free_port 25443)
folder=$(mktemp -d)
helper=''
trap 'stop "$helper"; rm -rf "$folder"' EXIT
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 90 -keyout "$folder/key.pem" \
    -out "$folder/cert.pem" -subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 \
    -addext basicConstraints=critical,CA:FALSE 2>/dev/null
env -i PATH="$PATH" KEYCLOAK_URL=http://127.0.0.1:1 KEYCLOAK_REALM=mlaas KEYCLOAK_CLIENT_ID=mlaas-client \
    THREESCALE_ADMIN_API_URL=http://127.0.0.1:1 THREESCALE_ADMIN_API_KEY=unused SERVER_HOST=127.0.0.1 \
    SERVER_PORT="$port" SHUTDOWN_DRAIN_SECONDS=0 TLS_CERT_FILE="$folder/cert.pem" TLS_KEY_FILE="$folder/key.pem" \
    "$bin/mlaas-helper" >"$folder/log" 2>&1 &
helper=$!
end=$((SECONDS + 60))
until curl -sk --max-time 2 "https://localhost:$port/api/health" >/dev/null; do
    if [ "$SECONDS" -ge "$end" ] || ! kill -0 "$helper" 2>/dev/null; then
        cat "$folder/log" >&2
        exit 1
    fi
    sleep 0.2
done

testssl --quiet --color 0 --warnings off -p -s -f -P -S -U --jsonfile "$folder/testssl.json" --ip 127.0.0.1 \
    "https://localhost:$port" >"$folder/testssl.txt" || true
"$sslyze" --sslv2 --sslv3 --tlsv1 --tlsv1_1 --tlsv1_2 --tlsv1_3 --early_data --heartbleed --openssl_ccs --robot --reneg \
    --compression --json_out "$folder/sslyze.json" "localhost:$port" >"$folder/sslyze.txt" || true
python3 scripts/judge-tls.py "$folder/testssl.json" "$folder/sslyze.json"
