#!/usr/bin/env bash
# Does what a new user does: starts `make run`'s script, pastes the lines it prints, and checks what comes back.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/lib.sh
source scripts/lib.sh

mkdir -p .run
runner=''
trap 'stop "$runner"' EXIT
scripts/run.sh >.run/smoke.log 2>&1 &
runner=$!
end=$((SECONDS + 900))
until grep -q 'Ctrl-C stops both' .run/smoke.log; do
    if ! kill -0 "$runner" 2>/dev/null || [ "$SECONDS" -ge "$end" ]; then
        cat .run/smoke.log >&2
        exit 1
    fi
    sleep 0.2
done

failed=0
expect() {
    if grep -q -- "$3" <<<"$2"; then
        echo "${green}ok${plain}   $1"
    else
        echo "${red}FAIL${plain} $1: expected $3"
        failed=1
    fi
}
key() { member api_key "$1"; }
member() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p" <<<"$2"; }

# The last such line is how to get the next token.
eval "$(grep '^export TOKEN=' .run/smoke.log | tail -n 1)"
mapfile -t lines < <(grep '^curl ' .run/smoke.log)
expect 'the list has no key yet' "$(eval "${lines[0]}")" '"has_api_key":false'
modes=(api_key app_id_and_key oidc)
for index in 0 1 2; do
    first=$(eval "${lines[index + 1]}")
    second=$(eval "${lines[index + 1]}")
    expect "init (${modes[index]}) makes a key" "$first" '"is_new":true'
    expect "init (${modes[index]}) again makes none" "$second" '"is_new":false'
    expect "init (${modes[index]}) is of its mode" "$first" "\"authentication_method\":\"${modes[index]}\""
    if [ -n "$(key "$first")" ] && [ "$(key "$first")" = "$(key "$second")" ]; then
        echo "${green}ok${plain}   init (${modes[index]}) gives the same key"
    else
        echo "${red}FAIL${plain} init (${modes[index]}) gave another key"
        failed=1
    fi
done
model=$(eval "${lines[1]}")
expect 'the model answers who sends the key' \
    "$(curl -s -H "user_key: $(key "$model")" "$(member proxy_endpoint "$model")/v1/models")" '"object":"list"'
expect 'the list has a key now' "$(eval "${lines[0]}")" '"has_api_key":true'
if eval "$(grep '^\./test_api.sh' .run/smoke.log)"; then
    echo "${green}ok${plain}   test_api.sh passes"
else
    echo "${red}FAIL${plain} test_api.sh"
    failed=1
fi
exit "$failed"
