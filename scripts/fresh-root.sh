#!/usr/bin/env bash
# Does what a new user does on a machine that holds Debian 12 and Swift and nothing else: sets up, builds and runs, in a
# root that is made for it, so that a package which happens to be on this machine cannot hide one that is not named.
# Packages are kept in .tools/fresh between runs; the root itself is made anew each time.
#
# Usage: fresh-root.sh [COMMAND...]   (default: set-up for CI, a debug build, and the lines of `make run`)
#
# Needs root and mmdebstrap. The root gets this machine's package sources, their settings, and its roots of trust.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck disable=SC2016 # the shell of the new root expands it
if [ $# -eq 0 ]; then
    set -- bash -euc '
        ./setup.sh ci
        swift build
        MLAAS_BIN=$(swift build --show-bin-path) scripts/smoke.sh'
fi
if [ "$(id -u)" -ne 0 ]; then
    echo 'fresh-root: needs root' >&2
    exit 1
fi
if [ -z "${MLAAS_FRESH_UNSHARED:-}" ]; then
    # Mounts and processes end with this script.
    exec env MLAAS_FRESH_UNSHARED=1 unshare --mount --pid --fork --kill-child "$0" "$@"
fi

# shellcheck source=scripts/lib.sh
source scripts/lib.sh
# shellcheck source=scripts/debian-root.sh
source scripts/debian-root.sh

cache=$PWD/.tools/fresh
toolchain=$(dirname "$(dirname "$(dirname "$(readlink -f "$(command -v swift)")")")")
mkdir -p "$cache/apt/partial" "$cache/pip"
root=$(mktemp -d)
trap 'umount -R "$root" 2>/dev/null || true; rm -rf --one-file-system "$root"' EXIT

# What swift.org tells one to install beside the toolchain on Debian 12.
of_swift=(
    ca-certificates binutils g++ git gnupg2 libc6-dev libcurl4 libedit2 libncurses6 libpython3.11 libsqlite3-0
    libstdc++-12-dev libxml2 make tzdata zlib1g-dev
)
debian_root "$root" "${FRESH_ROOT_SIZE:-12g}" "$cache" "${of_swift[@]}"

# Downloaded packages are kept.
rm -f "$root"/etc/apt/apt.conf.d/docker-clean
echo 'Binary::apt::APT::Keep-Downloaded-Packages "true";' >"$root/etc/apt/apt.conf.d/zz-keep"
cp /etc/ssl/certs/ca-certificates.crt "$root/opt/roots.pem"
for file in /etc/pip.conf ~/.config/pip/pip.conf; do
    if [ -e "$file" ]; then cp "$file" "$root/etc/pip.conf"; fi
done

attach() {
    mkdir -p "$root$2"
    mount --bind "$1" "$root$2"
}
attach "$cache/apt" /var/cache/apt/archives
attach "$cache/pip" /root/.cache/pip
attach "$toolchain" "$toolchain"
mount -o remount,bind,ro "$root$toolchain"
# pip may be told to look into a folder first.
if [ -d "${PIP_FIND_LINKS:-}" ]; then attach "$PIP_FIND_LINKS" "$PIP_FIND_LINKS"; fi
mount -t tmpfs shm "$root/dev/shm"

mkdir -p "$root/src"
copy_checkout "$root/src"
git -C "$root/src" init -q

names=()
while IFS= read -r name; do names+=("$name"); done < <(env | grep -E '^(PIP_[A-Z_]*|[a-z]+_proxy|[A-Z]+_PROXY)=' || true)
env -i HOME=/root LANG=C.UTF-8 CI="${CI:-true}" TERM=dumb \
    PATH="$toolchain/usr/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" "${names[@]}" \
    chroot "$root" sh -c 'cd /src && exec "$@"' _ "$@"
