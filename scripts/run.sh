#!/usr/bin/env bash
# Runs the helper: on the embedded sandbox, or with --env-file PATH on real systems.
# Builds for release first, since that is what people will measure.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/lib.sh
source scripts/lib.sh

build() {
    echo "building (a minute the first time) ..." >&2
    if ! swift build -c release "$@" >.run/build.log 2>&1; then
        tail -n 40 .run/build.log >&2
        exit 1
    fi
}

mkdir -p .run
if [ -e .tools/docs/stamp ]; then export MLAAS_DOCS_DIR=${MLAAS_DOCS_DIR:-$PWD/.tools/docs}; fi
if [ "${1:-}" = --env-file ]; then
    if [ ! -r "${2:-}" ]; then
        echo "run: '${2:-}' cannot be read; copy config.env.example to .env and fill it in" >&2
        exit 78
    fi
    build --product mlaas-helper
    exec .build/release/mlaas-helper serve --env-file "$2"
fi
if [ -n "${MLAAS_BIN:-}" ]; then bin=$MLAAS_BIN; else
    build
    bin=.build/release
fi

keycloak_port=$(free_port "${KEYCLOAK_PORT:-8180}")
threescale_port=$(free_port "${THREESCALE_PORT:-8280}")
admin_port=$(free_port "${SANDBOX_ADMIN_PORT:-8380}")
port=$(free_port "${SERVER_PORT:-5000}")
keycloak=http://127.0.0.1:$keycloak_port
threescale=http://127.0.0.1:$threescale_port
url=http://127.0.0.1:$port
sandbox='' helper=''
trap 'stop "$helper" "$sandbox"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

"$bin/mlaas-sandbox" --keycloak-port "$keycloak_port" --threescale-port "$threescale_port" \
    --admin-port "$admin_port" >.run/sandbox.log 2>&1 &
sandbox=$!
if ! wait_for "http://127.0.0.1:$admin_port/counts" 20 "$sandbox"; then
    echo "${red}the sandbox does not answer; its last lines:${plain}" >&2
    tail -n 5 .run/sandbox.log >&2
    exit 1
fi
env -i PATH="$PATH" HOME="${HOME:-/}" KEYCLOAK_URL="$keycloak" KEYCLOAK_REALM=mlaas KEYCLOAK_CLIENT_ID=mlaas-client \
    THREESCALE_ADMIN_API_URL="$threescale" THREESCALE_ADMIN_API_KEY=sandbox-admin-token SERVER_HOST=127.0.0.1 \
    SERVER_PORT="$port" SHUTDOWN_DRAIN_SECONDS=0 MLAAS_DEFAULT_PLAN=basic \
    ${MLAAS_DOCS_DIR:+MLAAS_DOCS_DIR="$MLAAS_DOCS_DIR"} "$bin/mlaas-helper" >.run/helper.log 2>&1 &
helper=$!
if ! wait_for "$url/api/health/ready" 20 "$helper"; then
    echo "${red}the helper is not ready; its last lines:${plain}" >&2
    tail -n 5 .run/helper.log .run/sandbox.log >&2
    exit 1
fi
access_token=$(token "$keycloak" ada)

# ids of the services by system name
services=$(curl -sf -H "Authorization: Bearer $access_token" "$url/api/services")
id() { tr '{' '\n' <<<"$services" | sed -n "s/^\"id\":\"\([0-9]*\)\",\"name\":\"[^\"]*\",\"system_name\":\"$1\".*/\1/p"; }

cat <<TEXT
${green}${bold}MLaaS Helper is ready.${plain}
  helper            $url
  documentation     $url/docs
  Keycloak sandbox  $keycloak   (users ada, bob, carol, erin.o-neil, zoë; passwords NAME-password)
  3scale sandbox    $threescale   (admin token sandbox-admin-token)
  sandbox admin     http://127.0.0.1:$admin_port   (faults, keys, clock)
  logs              .run/helper.log, .run/sandbox.log

${bold}Paste these (the token is ada's, good for five minutes):${plain}
export TOKEN=$access_token
curl -s -H "Authorization: Bearer \$TOKEN" $url/api/services
curl -s -H "Authorization: Bearer \$TOKEN" -H 'Content-Type: application/json' -d '{"service_id":"$(id granite_chat)"}' $url/api/services/init
curl -s -H "Authorization: Bearer \$TOKEN" -H 'Content-Type: application/json' -d '{"service_id":"$(id embeddings)"}' $url/api/services/init
curl -s -H "Authorization: Bearer \$TOKEN" -H 'Content-Type: application/json' -d '{"service_id":"$(id vision)"}' $url/api/services/init
./test_api.sh -u $url -t "\$TOKEN" -s $(id granite_chat)

Ctrl-C stops both.
TEXT

wait -n "$sandbox" "$helper" || true
for pair in "helper:$helper" "sandbox:$sandbox"; do
    if ! kill -0 "${pair#*:}" 2>/dev/null; then
        echo "${red}the ${pair%%:*} has ended; its last lines:${plain}" >&2
        tail -n 5 ".run/${pair%%:*}.log" >&2
    fi
done
exit 1
