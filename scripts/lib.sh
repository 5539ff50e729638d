# Shared by the scripts: colours on a terminal only, free ports, waiting, stopping by process id, and copies of the checkout.
# shellcheck shell=bash

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
    bold=$'\e[1m' green=$'\e[32m' red=$'\e[31m' plain=$'\e[0m'
else
    bold='' green='' red='' plain=''
fi
export bold green red plain

# port_is_free PORT
port_is_free() { ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# free_port WANTED: WANTED when it is free, else the next that is.
free_port() {
    local port=$1
    while ! port_is_free "$port"; do port=$((port + 1)); done
    if [ "$port" != "$1" ]; then echo "port $1 is in use, taking $port" >&2; fi
    echo "$port"
}

# wait_for URL SECONDS PID: until URL answers 200; fails when the time is up or the process is gone.
wait_for() {
    local url=$1 end=$((SECONDS + $2)) pid=$3
    while [ "$SECONDS" -lt "$end" ]; do
        if [ "$(curl -s -o /dev/null -w '%{http_code}' --max-time 2 "$url" || true)" = 200 ]; then return 0; fi
        if ! kill -0 "$pid" 2>/dev/null; then return 1; fi
        sleep 0.1
    done
    return 1
}

# stop PID...: asks each to end and waits for it.
stop() {
    local pid
    for pid in "$@"; do
        if [ -n "$pid" ] && kill -0 "$pid" 2>/dev/null; then kill "$pid" 2>/dev/null || true; fi
    done
    for pid in "$@"; do
        if [ -n "$pid" ]; then wait "$pid" 2>/dev/null || true; fi
    done
}

# token URL USER [CLIENT]: an access token by password from the realm mlaas.
token() {
    local client=${3:-mlaas-client}
    curl -sf --max-time 10 "$1/realms/mlaas/protocol/openid-connect/token" -d grant_type=password \
        -d "client_id=$client" -d "client_secret=$client-secret" -d scope=openid \
        --data-urlencode "username=$2" --data-urlencode "password=$2-password" |
        sed -n 's/.*"access_token":"\([^"]*\)".*/\1/p'
}

# run_swift_tests OPTION...: all Swift tests, a few at once. Started all together, each waits a minute between two of its
# steps, and connections that a pool keeps for less are gone when the test comes back to them. Ended after
# SWIFT_TESTS_SECONDS (900): then the tests that had begun and not ended are named.
run_swift_tests() {
    local log status=0
    log=$(mktemp)
    timeout --kill-after=10 "${SWIFT_TESTS_SECONDS:-900}" \
        swift test --skip-build --experimental-maximum-parallelization-width 6 "$@" 2>&1 | tee "$log" || status=$?
    if [ "$status" -eq 124 ] || [ "$status" -eq 137 ]; then
        echo "error: the tests did not end in ${SWIFT_TESTS_SECONDS:-900} s; these had begun:"
        comm -23 <(sed -nE 's/^◇ Test ("[^"]*"|[^ ]*) started\.$/\1/p' "$log" | sort -u) \
            <(sed -nE 's/^[✔✘] Test ("[^"]*"|[^ ]*) .*(passed|failed) after .*/\1/p' "$log" | sort -u)
    fi
    rm -f "$log"
    return "$status"
}

# copy_checkout FOLDER: the checkout that is the current folder as git has it, changes that are not committed included.
copy_checkout() {
    git ls-files -z --cached --others --exclude-standard |
        while IFS= read -r -d '' file; do if [ -e "$file" ]; then printf '%s\0' "$file"; fi; done |
        tar --null -T - -cf - | tar -C "$1" -xf -
}
