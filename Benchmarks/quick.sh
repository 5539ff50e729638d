#!/usr/bin/env bash
# Measures the figures of a short run and prints them as a Markdown table: build times, size, start-up, memory, and
# /api/health and the authenticated list against nginx answering the same bytes and headers, alternating in one run on two
# loops or workers.
# BENCH_SECONDS sets the length of a round (default 4), BENCH_CLEAN=0 leaves out the clean builds.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/lib.sh
source scripts/lib.sh

# Debian keeps nginx where only root looks.
PATH=$PATH:/usr/sbin
seconds=${BENCH_SECONDS:-4}
rounds=5
work=$(mktemp -d)
helper='' sandbox='' nginx=''
trap 'stop "$helper" "$sandbox" "$nginx"; rm -rf "$work"' EXIT
row() { echo "| $1 | $2 |"; }
now() { date +%s%N; }
median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
rss() { awk '/VmRSS/ { printf "%.1f MiB", $2 / 1024 }' "/proc/$1/status"; }

echo '| what | figure |'
echo '| --- | --- |'
if [ "${BENCH_CLEAN:-1}" != 0 ]; then
    for configuration in debug release; do
        began=$(now)
        swift build -c "$configuration" --scratch-path "$work/build" >"$work/log" 2>&1
        row "clean $configuration build" "$((($(now) - began) / 1000000000)) s"
        rm -rf "$work/build"
    done
fi
swift build -c release --static-swift-stdlib --scratch-path .build-static --product mlaas-helper >"$work/log" 2>&1
swift build -c release --static-swift-stdlib --scratch-path .build-static --product mlaas-sandbox >>"$work/log" 2>&1
bin=.build-static/release
strip -o "$work/mlaas-helper" "$bin/mlaas-helper"
row 'binary, static Swift library, stripped' "$(awk -v b="$(stat -c %s "$work/mlaas-helper")" 'BEGIN { printf "%.1f MB", b / 1e6 }')"

ports=()
for wanted in 18180 18280 18380 15000 18080; do ports+=("$(free_port "$wanted")"); done
"$bin/mlaas-sandbox" --keycloak-port "${ports[0]}" --threescale-port "${ports[1]}" --admin-port "${ports[2]}" \
    >"$work/sandbox.log" 2>&1 &
sandbox=$!
wait_for "http://127.0.0.1:${ports[2]}/counts" 20 "$sandbox"
url=http://127.0.0.1:${ports[3]}
start_helper() {
    env -i KEYCLOAK_URL="http://127.0.0.1:${ports[0]}" KEYCLOAK_REALM=mlaas KEYCLOAK_CLIENT_ID=mlaas-client \
        THREESCALE_ADMIN_API_URL="http://127.0.0.1:${ports[1]}" THREESCALE_ADMIN_API_KEY=sandbox-admin-token \
        SERVER_HOST=127.0.0.1 SERVER_PORT="${ports[3]}" SERVER_LOOPS=2 SHUTDOWN_DRAIN_SECONDS=0 \
        RATE_LIMITS="read=1000000000/minute;write=1000000000/minute;auth_failure=1000000000/minute" \
        "$work/mlaas-helper" >"$work/helper.log" 2>&1 &
    helper=$!
}
times=()
for _ in 1 2 3 4 5; do
    began=$(now)
    start_helper
    until curl -s -o /dev/null "$url/api/health"; do :; done
    times+=($((($(now) - began) / 1000000)))
    stop "$helper"
done
row 'cold start to the first answered request' "$(printf '%s\n' "${times[@]}" | median) ms (median of 5, curl included)"
start_helper
wait_for "$url/api/health/ready" 20 "$helper"
# What only the start needed is let go of a second after it.
sleep 2
row 'resident memory, idle' "$(rss "$helper")"

if ! command -v wrk >/dev/null || ! command -v nginx >/dev/null; then
    echo "skipped: the ratio to nginx (needs wrk and nginx)"
    if [ "${CI:-}" = true ]; then exit 1; fi
    exit 0
fi
token=$(token "http://127.0.0.1:${ports[0]}" ada)
authorization="Authorization: Bearer $token"
rate() { wrk -t1 -c64 "-d${seconds}s" -H "$authorization" "$1" | sed -n 's/^Requests\/sec: *\([0-9]*\).*/\1/p'; }

# against_nginx WHAT PATH: rounds in turn with nginx, which answers what the helper answered, byte for byte, with its own
# date and without the RateLimit fields, which count.
against_nginx() {
    local ratios=() theirs ours
    curl -s -H "$authorization" -D "$work/head" -o "$work/body" "$url$2"
    {
        echo 'daemon off; worker_processes 2; pid nginx.pid; error_log stderr crit; events { worker_connections 1024; }'
        echo "http { access_log off; keepalive_requests 1000000000; server_tokens off; server { listen 127.0.0.1:${ports[4]};"
        echo 'location / { default_type application/json;'
        tr -d '\r' <"$work/head" | grep -vi '^\(HTTP/\|date:\|content-length:\|content-type:\|ratelimit\|$\)' |
            sed "s/^\([^:]*\): \(.*\)/add_header \1 \"\2\";/"
        echo "return 200 '$(cat "$work/body")'; } } }"
    } >"$work/nginx.conf"
    nginx -p "$work" -c nginx.conf 2>"$work/nginx.log" &
    nginx=$!
    wait_for "http://127.0.0.1:${ports[4]}/" 10 "$nginx"
    for _ in $(seq "$rounds"); do
        theirs=$(rate "http://127.0.0.1:${ports[4]}/")
        ours=$(rate "$url$2")
        ratios+=("$(awk -v a="$ours" -v b="$theirs" 'BEGIN { printf "%.2f", a / b }')")
    done
    stop "$nginx"
    row "$1, × nginx with the same bytes" "$(printf '%s\n' "${ratios[@]}" | median) (median of $rounds: ${ratios[*]})"
}
against_nginx 'health requests a second' /api/health
against_nginx 'authenticated lists a second, one caller, ten services' /api/services
row 'resident memory, after load' "$(rss "$helper")"
