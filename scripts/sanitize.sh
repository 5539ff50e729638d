#!/usr/bin/env bash
# Runs the Swift tests under the address sanitizer and under the thread sanitizer, and both programs under the address
# and leak sanitizers. Any report fails.
#
# Usage: sanitize.sh [address] [thread] [programs]     (all three by default)
#   SANITIZE_FILTER  a regular expression of the tests to run (default: all)
#
# The build folders .build-address and .build-thread are kept, so that a second run is quick.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/lib.sh
source scripts/lib.sh

reports=$PWD/.run/sanitize
export TSAN_OPTIONS=log_path=$reports/report:suppressions=$PWD/scripts/sanitizers/thread.supp
export LSAN_OPTIONS=suppressions=$PWD/scripts/sanitizers/leak.supp:print_suppressions=0
mkdir -p "$reports"
rm -f "$reports"/*

# no_reports WHAT: fails when a sanitizer has written one.
no_reports() {
    local file
    for file in "$reports"/report.*; do
        if [ -e "$file" ]; then
            head -n 60 "$file"
            echo "$1: reported, see $reports" >&2
            exit 1
        fi
    done
    echo "$1: no report"
}

# run_tests SANITIZER
run_tests() {
    swift build --build-tests --sanitize="$1" --scratch-path ".build-$1" 2>&1 | tail -n 1
    # `swift test` itself leaves memory behind; leaks are looked for in the programs, below.
    ASAN_OPTIONS=detect_leaks=0:log_path=$reports/report \
        run_swift_tests --sanitize="$1" --scratch-path ".build-$1" \
        ${SANITIZE_FILTER:+--filter "$SANITIZE_FILTER"} >"$reports/$1.log" 2>&1 ||
        {
            grep -E -A 20 '✘|error:|Fatal' "$reports/$1.log" | head -n 60 || true
            tail -n 20 "$reports/$1.log"
            exit 1
        }
    grep -E 'Test run with' "$reports/$1.log"
    no_reports "tests under the $1 sanitizer"
}

# The conformance tests that call the main job, on programs that count what they have not freed at their end.
run_programs() {
    swift build --sanitize=address --scratch-path .build-address 2>&1 | tail -n 1
    MLAAS_BIN=$PWD/.build-address/debug \
        ASAN_OPTIONS=detect_leaks=1:log_path=$reports/report \
        .tools/conformance/bin/pytest -q Tests/Conformance/test_main_job.py
    no_reports 'the programs under the address and leak sanitizers'
}

if [ $# -eq 0 ]; then set -- address thread programs; fi
for what in "$@"; do
    case $what in
    address | thread) run_tests "$what" ;;
    programs) run_programs ;;
    *)
        echo "sanitize.sh: one of address, thread, programs, not '$what'" >&2
        exit 64
        ;;
    esac
done
