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
swift test --skip-build
echo "${bold}conformance${plain}"
if [ -x .tools/conformance/bin/pytest ]; then
    .tools/conformance/bin/pytest -q -rs Tests/Conformance
else
    echo "skipped: Tests/Conformance (needs python3-venv)"
    if [ "${CI:-}" = true ]; then exit 1; fi
fi
