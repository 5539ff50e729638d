#!/usr/bin/env bash
# Makes base images of Debian 12 from packages, where no registry can be asked: the two build arguments BUILDER and
# DEBIAN of the Containerfile, as localhost/mlaas-builder and localhost/mlaas-debian. The Swift toolchain is not in the
# builder: it is found where it is on this machine, and mounted there into the build.
# Needs root. APT_SOURCES names the sources to use, by default this machine's.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=scripts/image/engine.sh
source scripts/image/engine.sh

toolchain=$1
sources=${APT_SOURCES:-}
for file in /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list; do
    if [ -z "$sources" ] && [ -e "$file" ]; then sources=$file; fi
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# What the toolchain needs of the system, as swift.org's own images have it.
builder=(
    ca-certificates binutils g++ git libc6-dev libstdc++-12-dev zlib1g-dev
    libcurl4 libedit2 libncurses6 libpython3.11 libsqlite3-0 libxml2
)

# base NAME PACKAGE...
base() {
    local name=$1 stamp
    shift
    stamp=$(sha256sum <<<"$* $toolchain" | cut -c 1-12)
    if buildah inspect --type image "localhost/$name:$stamp" >/dev/null 2>&1; then
        buildah tag "localhost/$name:$stamp" "localhost/$name:latest"
        return
    fi
    echo "image: making localhost/$name" >&2
    mmdebstrap --quiet --variant=minbase --include="$(IFS=, && echo "$*")" bookworm "$work/$name.tar" "$sources"
    podman import -q --change "ENV PATH=$toolchain/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" \
        "$work/$name.tar" "localhost/$name:$stamp" >/dev/null
    buildah tag "localhost/$name:$stamp" "localhost/$name:latest"
    rm "$work/$name.tar"
}
base mlaas-debian ca-certificates
base mlaas-builder "${builder[@]}"
