#!/usr/bin/env bash
# Fetches Swagger UI for `/docs` into a folder, to be named by MLAAS_DOCS_DIR: two files and their licence, out of a
# package that is pinned by version and hash. Quick when they are there already.
#
# Usage: fetch-docs.sh FOLDER
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

folder=${1:?usage: fetch-docs.sh FOLDER}
requirements=scripts/requirements/docs/swagger-ui.txt
stamp=$(sha256sum "$requirements" | cut -d' ' -f1)
if [ "$(cat "$folder/stamp" 2>/dev/null || true)" = "$stamp" ]; then exit 0; fi

# Any pip will do: it checks the hash and unpacks nothing.
pip=''
for candidate in "python3 -m pip" .tools/*/bin/pip; do
    if $candidate --version >/dev/null 2>&1; then
        pip=$candidate
        break
    fi
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if [ -z "$pip" ]; then
    if ! python3 -m venv "$work/venv" >/dev/null 2>&1; then
        echo "fetch-docs: needs python3 with pip or venv (Debian: python3-venv)" >&2
        exit 1
    fi
    pip=$work/venv/bin/pip
fi
$pip download -q --disable-pip-version-check --no-deps --require-hashes -r "$requirements" -d "$work"
python3 - "$work" "$folder" <<'PYTHON'
import pathlib
import sys
import zipfile

work, folder = map(pathlib.Path, sys.argv[1:])
folder.mkdir(parents=True, exist_ok=True)
with zipfile.ZipFile(next(work.glob("*.whl"))) as wheel:
    for name in ("swagger-ui.css", "swagger-ui-bundle.js", "LICENSE"):
        (folder / name).write_bytes(wheel.read(f"flask_swagger_ui/dist/{name}"))
PYTHON
chmod 644 "$folder"/*
echo "$stamp" >"$folder/stamp"
