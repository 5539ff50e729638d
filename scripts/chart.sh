#!/usr/bin/env bash
# Checks the chart and the files of OpenShift: policy, what Helm 3 and 4 render over a matrix of values and refuse, and
# the rendered Deployment at work with the image that scripts/image/build.sh has built.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/image/engine.sh
source scripts/image/engine.sh

scripts/get-helm.py
scripts/policy.py
swift build --product mlaas-sandbox >/dev/null
swift build --product mlaas-helper >/dev/null
tests=(Tests/Deployment/test_chart.py Tests/Deployment/test_original.py Tests/Deployment/test_secret_scanners.py)
if podman image exists "${MLAAS_IMAGE:-localhost/mlaas-helper:latest}"; then
    tests+=(Tests/Deployment/test_play.py)
else
    echo 'skipped: Tests/Deployment/test_play.py (needs the image: make image)'
    if [ "${CI:-}" = true ]; then exit 1; fi
fi
exec .tools/deployment/bin/pytest -q -rs -p no:cacheprovider "${tests[@]}"
