#!/usr/bin/env bash
# Checks a running MLaaS Helper from outside: status codes, security headers, and the shape of every answer.
#
# Usage: test_api.sh [-u URL] [-t TOKEN] [-s SERVICE_ID] [-m URL] [-h]
#   -u, --url URL                the helper (BASE_URL, default http://127.0.0.1:5000)
#   -t, --token TOKEN            an access token (JWT_TOKEN); without one only the open routes are checked
#   -s, --service-id SERVICE_ID  a service to initialise a key for (SERVICE_ID); without one none is initialised
#   -m, --metrics-url URL        where /metrics is when METRICS_PORT is set (METRICS_URL, default URL); none to leave it out
#   -h, --help                   this text
#
# A run sends seven requests that count as writes, of the 30 a minute that a caller has by default.
# Needs curl only. The exit status says whether all passed; neither the token nor a key is printed.
set -euo pipefail

url=${BASE_URL:-http://127.0.0.1:5000} access_token=${JWT_TOKEN:-} service=${SERVICE_ID:-}
metrics=${METRICS_URL:-}
usage() { sed -n '2,13s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; }
while [ $# -gt 0 ]; do
    option=$1 value=''
    case $option in
    --*=*) value=${option#*=} option=${option%%=*} ;;
    -h | --help)
        usage
        exit 0
        ;;
    *)
        value=${2:-}
        if [ $# -gt 1 ]; then shift; fi
        ;;
    esac
    shift
    case $option in
    -u | --url) url=$value ;;
    -t | --token) access_token=$value ;;
    -s | --service-id) service=$value ;;
    -m | --metrics-url) metrics=$value ;;
    *)
        echo "test_api.sh: unknown option '$option'" >&2
        usage >&2
        exit 64
        ;;
    esac
done
url=${url%/}
metrics=${metrics:-$url}

if [ -t 1 ]; then green=$'\e[32m' red=$'\e[31m' plain=$'\e[0m'; else green='' red='' plain=''; fi
passed=0 failed=0
head=$(mktemp)
trap 'rm -f "$head"' EXIT

# request NAME STATUS CURL-ARGUMENTS...: leaves the body in $body.
body=''
request() {
    local name=$1 wanted=$2 status
    shift 2
    # The header goes by standard input, so that no process list shows the token.
    body=$(curl -s --max-time 60 -D "$head" "$@" || true)
    status=$(sed -n '1s/^HTTP[^ ]* \([0-9]*\).*/\1/p' "$head")
    if [ "$status" = "$wanted" ]; then ok "$name is $wanted"; else fail "$name: expected $wanted, got ${status:-no answer}"; fi
}
authorized() {
    local name=$1 wanted=$2
    shift 2
    request "$name" "$wanted" -H @- "$@" <<<"Authorization: Bearer $access_token"
}
ok() {
    passed=$((passed + 1))
    echo "${green}ok${plain}   $1"
}
fail() {
    failed=$((failed + 1))
    echo "${red}FAIL${plain} $1"
}
has() { if grep -q -- "$2" <<<"$body"; then ok "$1"; else fail "$1: no $2 in the answer"; fi; }
header() { if grep -qi "^$1: $2" "$head"; then ok "$1 is sent"; else fail "$1: $2 is not sent"; fi; }

if ! problem=$(curl -sS -o /dev/null --max-time 20 "$url/api/health" 2>&1); then
    echo "${red}FAIL${plain} $url cannot be reached: $problem"
    exit 1
fi
request 'health' 200 "$url/api/health"
if [ "$body" = '{"status":"success","message":"Health check successful","data":{"status":"healthy"}}' ]; then
    ok 'health says exactly what it should'
else
    fail 'health says something else'
fi
header x-content-type-options nosniff
header x-frame-options DENY
header x-xss-protection '1; mode=block'
header strict-transport-security 'max-age=31536000; includeSubDomains'
header content-security-policy "default-src 'self'"
header referrer-policy no-referrer
header x-request-id '[A-Za-z0-9._-]'
request 'readiness' 200 "$url/api/health/ready"
has 'readiness lists its checks' '"checks":\['
request 'the list without a token' 401 "$url/api/services"
has 'a missing token is named' '"code":"MISSING_AUTH"'
header www-authenticate 'Bearer realm='
request 'the list with nonsense for a token' 401 -H 'Authorization: Bearer nonsense' "$url/api/services"
has 'a bad token is named' '"code":"INVALID_TOKEN"'
request 'an unknown path' 404 "$url/api/nothing"
has 'a failure has the envelope' '"status":"error","error":{"code":"NOT_FOUND","message":".*"request_id":"'
request 'a wrong method' 405 -X DELETE "$url/api/services"
header allow 'GET, HEAD, OPTIONS'
if [ "$metrics" != none ]; then
    request 'metrics' 200 "${metrics%/}/metrics"
fi

if [ -n "$access_token" ]; then
    authorized 'the list' 200 "$url/api/services"
    has 'the list has services' '"status":"success","message":"Services retrieved","data":{"services":\[{"id":"[0-9]*"'
    has 'the list says who asked' '"user":{"soeid":"'
    header cache-control no-store
    authorized 'init without a body' 400 -X POST "$url/api/services/init"
    authorized 'init with half a document' 400 -H 'Content-Type: application/json' -d '{' "$url/api/services/init"
    has 'bad JSON is named' '"code":"INVALID_REQUEST"'
    authorized 'init without a service' 400 -H 'Content-Type: application/json' -d '{}' "$url/api/services/init"
    has 'a missing service_id is named' '"code":"MISSING_SERVICE_ID"'
    authorized 'init with text for a body' 415 -H 'Content-Type: text/plain' -d x "$url/api/services/init"
    authorized 'init of an unknown service' 404 -H 'Content-Type: application/json' -d '{"service_id":"0"}' "$url/api/services/init"
    authorized 'an unknown service' 404 "$url/api/services/0"
    has 'an unknown service is named' '"code":"SERVICE_NOT_FOUND"'
else
    echo 'skip the routes that need a token (-t)'
fi
if [ -n "$access_token" ] && [ -n "$service" ]; then
    authorized 'the service' 200 "$url/api/services/$service"
    has 'the service has plans' '"plans":\['
    authorized 'its plans' 200 "$url/api/services/$service/plans"
    authorized 'init' 200 -H 'Content-Type: application/json' -d "{\"service_id\":\"$service\"}" "$url/api/services/init"
    has 'init answers a key' '"api_key":"'
    has 'init says whether it is new' '"is_new":\(true\|false\)'
    authorized 'init again' 200 -H 'Content-Type: application/json' -d "{\"service_id\":\"$service\"}" "$url/api/services/init"
    has 'init again makes none' '"is_new":false'
else
    echo 'skip the routes that need a service (-s)'
fi

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
