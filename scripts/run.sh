#!/usr/bin/env bash
# Runs the helper: on the embedded sandbox, or with --env-file PATH on real systems.
# Builds for release first, since that is what people will measure.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/lib.sh
source scripts/lib.sh

# build ARGUMENTS...: for release, saying every few seconds how far it is.
build() {
    local log=.run/build-$$.log builder status=0
    echo "building (two or three minutes the first time on two cores) ..." >&2
    swift build -c release "$@" >"$log" 2>&1 &
    builder=$!
    while kill -0 "$builder" 2>/dev/null; do
        sleep 1
        if [ $((SECONDS % 5)) -eq 0 ]; then
            echo "  $SECONDS s  $(tail -n 1 "$log" | cut -c 1-90)" >&2
        fi
    done
    wait "$builder" || status=$?
    if [ "$status" -eq 0 ]; then
        rm -f "$log"
        return
    fi
    if grep -q "SwiftShims\|was compiled with module cache path\|has been modified since the module file" "$log" && [ -z "${rebuilt:-}" ]; then
        echo "this checkout was copied from another folder with what was built there: building anew" >&2
        rebuilt=1
        rm -rf .build
        build "$@"
        return
    fi
    tail -n 40 "$log" >&2
    exit 1
}

mkdir -p .run
if [ -e .tools/docs/stamp ]; then export MLAAS_DOCS_DIR=${MLAAS_DOCS_DIR:-$PWD/.tools/docs}; fi
if [ "${1:-}" = --env-file ]; then
    if [ ! -r "${2:-}" ]; then
        echo "run: '${2:-}' cannot be read; copy config.env.example to .env and fill it in" >&2
        exit 78
    fi
    # A mistake in the file is told before the build where it can be: by the program of an earlier build, else by name.
    if [ -x .build/release/mlaas-helper ]; then
        .build/release/mlaas-helper config check --env-file "$2" >&2
    else
        for name in KEYCLOAK_URL KEYCLOAK_REALM KEYCLOAK_CLIENT_ID THREESCALE_ADMIN_API_URL THREESCALE_ADMIN_API_KEY; do
            if [ -z "${!name:-}" ] && ! tr '\r' '\n' <"$2" | grep -Eq "^[^#]*$name(_FILE)?[[:blank:]]*=[[:blank:]]*[^[:blank:]#]"; then
                echo "run: $name is required and is not set in $2" >&2
                missing=1
            fi
        done
        if [ -n "${missing:-}" ]; then exit 78; fi
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
gateway_port=$(free_port "${GATEWAY_PORT:-8480}")
port=$(free_port "${SERVER_PORT:-5000}")
keycloak=http://127.0.0.1:$keycloak_port
threescale=http://127.0.0.1:$threescale_port
url=http://127.0.0.1:$port
# By port, so that two at once do not write into each other's.
helper_log=.run/helper-$port.log sandbox_log=.run/sandbox-$port.log
sandbox='' helper=''
trap 'stop "$helper" "$sandbox"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

"$bin/mlaas-sandbox" --keycloak-port "$keycloak_port" --threescale-port "$threescale_port" \
    --admin-port "$admin_port" --gateway-port "$gateway_port" --gateway-endpoints >"$sandbox_log" 2>&1 &
sandbox=$!
if ! wait_for "http://127.0.0.1:$admin_port/counts" 20 "$sandbox"; then
    echo "${red}the sandbox does not answer; its last lines:${plain}" >&2
    tail -n 5 "$sandbox_log" >&2
    exit 1
fi
# The portal's sessions are worth nothing beyond this run.
session_secret=$(od -An -N 32 -tx1 /dev/urandom | tr -d ' \n')
env -i PATH="$PATH" HOME="${HOME:-/}" KEYCLOAK_URL="$keycloak" KEYCLOAK_REALM=mlaas KEYCLOAK_CLIENT_ID=mlaas-client CLI_CLIENT_ID=mlaas-cli \
    THREESCALE_ADMIN_API_URL="$threescale" THREESCALE_ADMIN_API_KEY=sandbox-admin-token SERVER_HOST=127.0.0.1 \
    SERVER_PORT="$port" SHUTDOWN_DRAIN_SECONDS=0 MLAAS_DEFAULT_PLAN=basic \
    PORTAL_URL="$url" SESSION_SECRET="$session_secret" KEYCLOAK_CLIENT_SECRET=mlaas-client-secret \
    ${MLAAS_DOCS_DIR:+MLAAS_DOCS_DIR="$MLAAS_DOCS_DIR"} "$bin/mlaas-helper" >"$helper_log" 2>&1 &
helper=$!
if ! wait_for "$url/api/health/ready" 20 "$helper"; then
    echo "${red}the helper is not ready; its last lines:${plain}" >&2
    tail -n 5 "$helper_log" "$sandbox_log" >&2
    exit 1
fi
access_token=$(token "$keycloak" ada)

# ids of the services by system name
services=$(curl -sf -H "Authorization: Bearer $access_token" "$url/api/services")
id() { tr '{' '\n' <<<"$services" | sed -n "s/^\"id\":\"\([0-9]*\)\",\"name\":\"[^\"]*\",\"system_name\":\"$1\".*/\1/p"; }

cat <<TEXT
${green}${bold}MLaaS Helper is ready.${plain}
  portal            $url   (sign in as ada with ada-password)
  helper            $url
  documentation     $url/docs
  Keycloak sandbox  $keycloak   (users ada, bob, carol, erin.o-neil, zoë; passwords NAME-password)
  3scale sandbox    $threescale   (admin token sandbox-admin-token)
  models            http://127.0.0.1:$gateway_port   (behind a gateway that checks keys as 3scale's does)
  sandbox admin     http://127.0.0.1:$admin_port   (faults, keys, clock)
  logs              $helper_log, $sandbox_log

${bold}Paste these (the token is ada's, good for five minutes):${plain}
export TOKEN=$access_token
curl -sw '\n' -H "Authorization: Bearer \$TOKEN" $url/api/services
curl -sw '\n' -H "Authorization: Bearer \$TOKEN" -H 'Content-Type: application/json' -d '{"service_id":"$(id granite_chat)"}' $url/api/services/init
curl -sw '\n' -H "Authorization: Bearer \$TOKEN" -H 'Content-Type: application/json' -d '{"service_id":"$(id embeddings)"}' $url/api/services/init
curl -sw '\n' -H "Authorization: Bearer \$TOKEN" -H 'Content-Type: application/json' -d '{"service_id":"$(id vision)"}' $url/api/services/init
./test_api.sh -u $url -t "\$TOKEN" -s $(id granite_chat)

${bold}The next token, after five minutes (or bob's, with his name in both places):${plain}
export TOKEN=\$(curl -s $keycloak/realms/mlaas/protocol/openid-connect/token -d grant_type=password -d client_id=mlaas-client -d client_secret=mlaas-client-secret -d scope=openid -d username=ada -d password=ada-password | sed 's/.*"access_token":"\([^"]*\)".*/\1/')

Ctrl-C stops both.
TEXT

wait -n "$sandbox" "$helper" || true
for pair in "helper:$helper" "sandbox:$sandbox"; do
    if ! kill -0 "${pair#*:}" 2>/dev/null; then
        echo "${red}the ${pair%%:*} has ended; its last lines:${plain}" >&2
        tail -n 5 ".run/${pair%%:*}-$port.log" >&2
    fi
done
exit 1
