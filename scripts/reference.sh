#!/usr/bin/env bash
# Writes docs/configuration.md and config.env.example from what the code declares, or with --check says whether they
# are as it would write them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

swift build --product mlaas-helper >/dev/null
helper=$(swift build --show-bin-path)/mlaas-helper
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

{
    cat <<'TEXT'
# Settings of MLaaS Helper. Copy to .env, fill in what is required, then: make run ENV=.env
# Values of the environment win over this file. A duration is seconds, or a number with ms, s, m or h; a list is
# separated by commas. Written by `make reference` from the code that reads it.

TEXT
    "$helper" config example
} >"$work/config.env.example"
{
    sed '/^<!-- reference -->$/q' docs/configuration.md
    echo
    "$helper" config reference
} >"$work/configuration.md"

if [ "${1:-}" = --check ]; then
    for document in config.env.example docs/configuration.md; do
        if ! diff -u "$document" "$work/$(basename "$document")"; then
            echo "reference: $document is out of date; run: make reference" >&2
            exit 1
        fi
    done
else
    cp "$work/config.env.example" config.env.example
    cp "$work/configuration.md" docs/configuration.md
fi
