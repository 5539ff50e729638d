#!/usr/bin/env bash
# Builds the image as localhost/mlaas-helper:VERSION and :latest from the Containerfile.
# BUILDER and DEBIAN name the base images; without them they are made from packages by bases.sh, for which it must run
# as root. APT_SOURCES, APT_AUTH, APT_CA and APT_CONF name files for a package repository of one's own.
# Usage: build.sh [--no-cache] [-t NAME:TAG]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=scripts/image/engine.sh
source scripts/image/engine.sh

version=$(sed -n 's/.*number = "\(.*\)"/\1/p' Sources/Helper/HelperServer/Version.swift)
tags=() options=()
while [ "$#" -gt 0 ]; do
    case $1 in
    --no-cache) options+=(--no-cache) ;;
    -t)
        tags+=(-t "$2")
        shift
        ;;
    *)
        echo "usage: build.sh [--no-cache] [-t NAME:TAG]" >&2
        exit 64
        ;;
    esac
    shift
done
if [ "${#tags[@]}" -eq 0 ]; then tags=(-t "localhost/mlaas-helper:$version" -t localhost/mlaas-helper:latest); fi

if [ -z "${BUILDER:-}" ] || [ -z "${DEBIAN:-}" ]; then
    toolchain=$(dirname "$(dirname "$(readlink -f "$(command -v swift)")")")
    scripts/image/bases.sh "$toolchain"
    BUILDER=localhost/mlaas-builder DEBIAN=localhost/mlaas-debian
    options+=(--volume "$toolchain:$toolchain:ro")
fi
for secret in sources auth ca conf; do
    variable=APT_${secret^^}
    if [ -n "${!variable:-}" ]; then options+=(--secret "id=apt_$secret,src=${!variable}"); fi
done

if ! scripts/fetch-docs.sh .tools/docs; then echo 'image: /docs will be a plain list of the routes' >&2; fi

# The commit's own time, so that the same commit gives the same image.
revision=$(git rev-parse HEAD 2>/dev/null || true)
moment=$(git log -1 --format=%ct 2>/dev/null || echo 0)
buildah build --format docker --layers --timestamp "$moment" "${options[@]}" "${tags[@]}" \
    --build-arg BUILDER="$BUILDER" --build-arg DEBIAN="$DEBIAN" --build-arg VERSION="$version" \
    --build-arg REVISION="$revision" --build-arg CREATED="$(date -u -d "@$moment" +%Y-%m-%dT%H:%M:%SZ)" \
    --build-arg SOURCE="${SOURCE:-}" -f Containerfile .
