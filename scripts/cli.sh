#!/usr/bin/env bash
# Builds `mlaas` and packs it as a .deb and as a tarball for Debian 12, into dist/.
#
# Usage: cli.sh [BINARY]
# With BINARY that file is packed and nothing is built. The same source gives the same bytes in any folder: times are those of the
# last commit, or of SOURCE_DATE_EPOCH, and what names the folder of the build is stripped from the binary.
# scripts/cli-check.sh proves it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

dist=${DIST:-dist}
version=$(sed -n 's/.*number = "\([^"]*\)".*/\1/p' Sources/Helper/HelperCLI/CLIVersion.swift)
architecture=$(dpkg --print-architecture)
machine=$(uname -m)
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}
umask 022

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

binary=${1:-}
if [ -z "$binary" ]; then
    swift build -c release --static-swift-stdlib --scratch-path .build-static --product mlaas | tail -n 1
    binary=.build-static/release/mlaas
fi
# Digests of what the compiler made, debug information included, which names source files by their whole path.
strip --remove-section=.note.gnu.build-id --remove-section=.swift_modhash -o "$work/mlaas" "$binary"

# The libraries that it loads, and Debian's packages that hold them.
readelf -d "$work/mlaas" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | LC_ALL=C sort >"$work/libraries"
packages=$(
    while read -r library; do
        path=$(ldconfig -p | awk -v name="$library" '$1 == name { print $NF; exit }')
        dpkg-query -S "$(realpath "$path")" 2>/dev/null || dpkg-query -S "$path"
    done <"$work/libraries" | cut -d: -f1 | LC_ALL=C sort -u | paste -sd, | sed 's/,/, /g'
)

# The files of both packages.
tree=$work/tree
install -D -m 755 "$work/mlaas" "$tree/bin/mlaas"
install -d "$tree/share/man/man1" "$tree/share/bash-completion/completions" "$tree/share/zsh/vendor-completions" \
    "$tree/share/fish/vendor_completions.d" "$tree/share/doc/mlaas"
"$work/mlaas" man | gzip -9n >"$tree/share/man/man1/mlaas.1.gz"
"$work/mlaas" completion bash >"$tree/share/bash-completion/completions/mlaas"
"$work/mlaas" completion zsh >"$tree/share/zsh/vendor-completions/_mlaas"
"$work/mlaas" completion fish >"$tree/share/fish/vendor_completions.d/mlaas.fish"
install -m 644 LICENSE "$tree/share/doc/mlaas/copyright"
{
    echo "mlaas $version loads these libraries, in Debian 12 of the packages: $packages"
    cat "$work/libraries"
} >"$tree/share/doc/mlaas/LIBRARIES"
chmod -R u=rwX,go=rX "$tree"

mkdir -p "$dist"
name=mlaas-$version-linux-$machine
tar --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner --transform "s,^\.,$name," \
    -C "$tree" -cf - . | gzip -9n >"$dist/$name.tar.gz"

deb=$work/deb
mkdir -p "$deb/DEBIAN"
cp -a "$tree" "$deb/usr"
# Of files alone: what a folder takes depends on the file system.
kib=$(find "$deb/usr" -type f -printf '%s\n' | awk '{ sum += $1 } END { print int((sum + 1023) / 1024) }')
cat >"$deb/DEBIAN/control" <<TEXT
Package: mlaas
Version: $version
Architecture: $architecture
Maintainer: The operators of MLaaS Helper <root@localhost>
Depends: $packages
Recommends: ca-certificates
Installed-Size: $kib
Section: utils
Priority: optional
Description: keys for a company's machine-learning models, from a terminal
 Signs in with Keycloak, gets API keys of MLaaS Helper, and runs programs with them.
TEXT
find "$deb" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
# Several threads would compress in another way than one.
dpkg-deb --root-owner-group -Zxz --threads-max=1 --build "$deb" "$dist/mlaas_${version}_$architecture.deb" >/dev/null

(cd "$dist" && sha256sum "$name.tar.gz" "mlaas_${version}_$architecture.deb" | tee SHA256SUMS)
echo "libraries: $(paste -sd' ' "$work/libraries")"
echo "packages:  $packages"
stat -c 'binary:    %s bytes' "$work/mlaas"
