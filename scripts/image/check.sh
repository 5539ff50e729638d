#!/usr/bin/env bash
# Checks the built image: what is in it, that it works as an arbitrary user without rights, and how it is built.
# Usage: check.sh [PYTEST-ARGUMENTS...]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=scripts/image/engine.sh
source scripts/image/engine.sh

swift build --product mlaas-sandbox >/dev/null
if [ "$#" -eq 0 ]; then
    set -- Tests/Deployment/test_{image,container,rolling,build}.py
fi
exec .tools/deployment/bin/pytest -q -rs -p no:cacheprovider "$@"
