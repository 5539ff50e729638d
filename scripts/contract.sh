#!/usr/bin/env bash
# Holds the OpenAPI document and a running helper against each other with other people's tools: the document is valid
# and lints clean, schemathesis finds no failure in any phase, generated clients of three languages work, and /docs works in a browser.
# Needs what `setup.sh ci` installs. MLAAS_BIN names a folder with the programs, CONTRACT_EXAMPLES how many cases are
# made up for each operation.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/lib.sh
source scripts/lib.sh

tools=.tools/contract
if [ ! -x "$tools/bin/schemathesis" ]; then
    echo "contract: run ./setup.sh ci first" >&2
    exit 69
fi
mkdir -p .run
if [ -z "${MLAAS_BIN:-}" ]; then
    swift build >.run/build.log 2>&1 || { tail -n 40 .run/build.log >&2 && exit 1; }
fi
bin=${MLAAS_BIN:-.build/debug}

echo "${bold}the document${plain}"
"$tools/bin/openapi-spec-validator" api/openapi.json
vacuum=$("$tools/bin/python" -c 'import pathlib, vacuum; print(pathlib.Path(vacuum.__file__).parent / "lib" / "vacuum")')
chmod +x "$vacuum"
"$vacuum" lint --details --errors --no-banner api/openapi.json

keycloak_port=$(free_port 18180)
threescale_port=$(free_port 18280)
admin_port=$(free_port 18380)
port=$(free_port 15000)
url=http://127.0.0.1:$port
keycloak=http://127.0.0.1:$keycloak_port
sandbox='' helper=''
trap 'stop "$helper" "$sandbox"' EXIT

# The first id makes the document's example, service 7, one that is there.
"$bin/mlaas-sandbox" --first-id 6 --keycloak-port "$keycloak_port" --threescale-port "$threescale_port" \
    --admin-port "$admin_port" >.run/contract-sandbox.log 2>&1 &
sandbox=$!
wait_for "http://127.0.0.1:$admin_port/counts" 20 "$sandbox"
env -i PATH="$PATH" HOME="${HOME:-/}" KEYCLOAK_URL="$keycloak" KEYCLOAK_REALM=mlaas KEYCLOAK_CLIENT_ID=mlaas-client \
    THREESCALE_ADMIN_API_URL="http://127.0.0.1:$threescale_port" THREESCALE_ADMIN_API_KEY=sandbox-admin-token \
    SERVER_HOST=127.0.0.1 SERVER_PORT="$port" SHUTDOWN_DRAIN_SECONDS=0 MLAAS_DOCS_DIR="$PWD/.tools/docs" \
    KEY_ROTATION_GRACE_MAX=8760h RATE_LIMITS=off LOG_LEVEL=warning "$bin/mlaas-helper" >.run/contract-helper.log 2>&1 &
helper=$!
wait_for "$url/api/health/ready" 20 "$helper"

echo "${bold}schemathesis${plain}"
# All checks, but for what schemathesis.toml takes away: `--checks all` would put it back.
"$tools/bin/schemathesis" run "$url/api/openapi.json" --no-color \
    --header "Authorization: Bearer $(token "$keycloak" ada)" --max-examples "${CONTRACT_EXAMPLES:-50}" \
    --phases examples,coverage,fuzzing,stateful

echo "${bold}generated clients${plain}"
.tools/clients/bin/python Tests/Clients/generated.py "$url" "$(token "$keycloak" ada)"

echo "${bold}a browser${plain}"
"$tools/bin/python" Tests/Browser/docs_page.py "$url" "$(token "$keycloak" ada)" .run/docs.png
