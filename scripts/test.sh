#!/usr/bin/env bash
# Runs every test: Swift, the scripts' own, and other people's clients against the sandbox and the helper.
# Optional data is found through KEYCLOAK_HOME, KEYCLOAK_ARCHIVE, KEYCLOAK_REALM_FILE and KEYCLOAK_FIXTURES; what needs it
# is skipped by name without it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/lib.sh
source scripts/lib.sh

echo "${bold}structure${plain}"
python3 -m unittest -q scripts/tests/test_check_structure.py
python3 scripts/check-structure.py
echo "${bold}swift test${plain}"
swift build --build-tests
run_swift_tests "$@"
# More than cores, since tests wait for most of their time.
processes=6

log=$(mktemp)
trap 'rm -f "$log"' EXIT
# suite FOLDER TOOLS [OPTION...]: the tests in Tests/FOLDER by the pytest of .tools/TOOLS. One that fails does not
# keep the next from running.
status=0
suite() {
    local folder=$1 tools=$2
    shift 2
    echo "${bold}${folder,,}${plain}"
    if [ -x ".tools/$tools/bin/pytest" ]; then
        ".tools/$tools/bin/pytest" -q -rs "$@" "Tests/$folder" 2>&1 | tee "$log" || status=1
        if [ "${CI:-}" = true ] && grep -q '^SKIPPED' "$log"; then
            echo "error: tests of Tests/$folder were skipped"
            status=1
        fi
    else
        echo "skipped: Tests/$folder (needs python3-venv)"
        if [ "${CI:-}" = true ]; then status=1; fi
    fi
}
suite Conformance conformance -n "$processes" --dist loadgroup -m 'not alone'
suite Conformance conformance -m alone
suite Operability telemetry -n "$processes" --dist loadfile
exit "$status"
