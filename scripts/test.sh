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
# suite FOLDER TOOLS: the tests in Tests/FOLDER by the pytest of .tools/TOOLS.
suite() {
    echo "${bold}${1,,}${plain}"
    if [ -x ".tools/$2/bin/pytest" ]; then
        ".tools/$2/bin/pytest" -q -rs "Tests/$1"
    else
        echo "skipped: Tests/$1 (needs python3-venv)"
        if [ "${CI:-}" = true ]; then exit 1; fi
    fi
}
suite Conformance conformance
suite Operability telemetry
