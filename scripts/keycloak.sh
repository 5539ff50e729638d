#!/usr/bin/env bash
# Starts a real Keycloak on loopback for tests, in the foreground, until it is told to stop.
#
# Usage: keycloak.sh PORT
# KEYCLOAK_HOME names an unpacked distribution, or KEYCLOAK_ARCHIVE its archive, which is unpacked into .tools once;
# KEYCLOAK_REALM_FILE names a realm to import. Prints `ready` when the realm answers.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/lib.sh
source scripts/lib.sh

port=${1:?keycloak.sh PORT}
if [ -z "${KEYCLOAK_HOME:-}" ]; then
    if [ ! -r "${KEYCLOAK_ARCHIVE:-}" ]; then
        echo "keycloak.sh: set KEYCLOAK_HOME or KEYCLOAK_ARCHIVE" >&2
        exit 64
    fi
    # Whole or not at all, whoever else unpacks it now or is stopped while doing so.
    mkdir -p .tools
    exec 9>.tools/keycloak.lock
    flock 9
    if ! compgen -G '.tools/keycloak/*/bin/kc.sh' >/dev/null; then
        rm -rf .tools/keycloak .tools/keycloak.part
        mkdir .tools/keycloak.part
        tar xzf "$KEYCLOAK_ARCHIVE" -C .tools/keycloak.part
        mv .tools/keycloak.part .tools/keycloak
    fi
    exec 9>&-
    KEYCLOAK_HOME=$(dirname "$(dirname "$(compgen -G '.tools/keycloak/*/bin/kc.sh' | head -n 1)")")
fi
mkdir -p "$KEYCLOAK_HOME/data/import" .run
cp "${KEYCLOAK_REALM_FILE:?keycloak.sh: set KEYCLOAK_REALM_FILE}" "$KEYCLOAK_HOME/data/import/"

export KC_BOOTSTRAP_ADMIN_USERNAME=admin KC_BOOTSTRAP_ADMIN_PASSWORD=admin
export JAVA_OPTS_GC=-XX:+UseSerialGC JAVA_OPTS_KC_HEAP='-Xms64m -Xmx384m' JAVA_OPTS_APPEND=-XX:TieredStopAtLevel=1
"$KEYCLOAK_HOME/bin/kc.sh" start-dev --db=dev-mem --import-realm --cache=local --http-host=127.0.0.1 \
    --http-port="$port" >.run/keycloak.log 2>&1 &
parent=$!

# kc.sh stays the parent of the process that listens.
end() {
    local child
    for child in $(pgrep -P "$parent" || true); do kill "$child" 2>/dev/null || true; done
    stop "$parent"
}
trap end EXIT
trap 'exit 143' TERM INT
if ! wait_for "http://127.0.0.1:$port/realms/mlaas" 420 "$parent"; then
    echo "keycloak.sh: no answer after $SECONDS s; the last lines of .run/keycloak.log:" >&2
    tail -n 30 .run/keycloak.log >&2
    exit 1
fi
echo ready
wait "$parent"
