# Roots that hold Debian 12 and nothing else, for what proves that no package of this machine is needed. To be sourced.
# shellcheck shell=bash

# debian_root ROOT SIZE CACHE [PACKAGE...]: mounts an empty file system of that size at ROOT, and fills it with Debian 12 and the
# packages. What was downloaded is kept in CACHE. The root gets this machine's package sources, their settings, and its roots of trust.
debian_root() {
    local root=$1 size=$2 cache=$3 file folder sources=() stamp
    shift 3
    for file in /etc/apt/sources.list /etc/apt/sources.list.d/debian.sources; do
        if [ -s "$file" ]; then sources+=("$file"); fi
    done
    stamp=$( (cat "${sources[@]}" && echo "$@") | sha256sum | cut -c 1-12)
    mkdir -p "$cache"
    if [ ! -e "$cache/$stamp.tar" ]; then
        echo 'making a root of Debian 12' >&2
        rm -f "$cache"/*.tar
        mmdebstrap --quiet --variant=minbase ${1:+--include="$(IFS=, && echo "$*")"} bookworm "$cache/new.tar" "${sources[@]}"
        mv "$cache/new.tar" "$cache/$stamp.tar"
    fi
    mount -t tmpfs -o size="$size" debian "$root"
    tar -xf "$cache/$stamp.tar" -C "$root"

    # This machine's way to packages.
    rm -rf "$root"/etc/apt/sources.list "$root"/etc/apt/sources.list.d/*
    cp "${sources[@]}" "$root/etc/apt/sources.list.d/"
    for folder in keyrings auth.conf.d apt.conf.d; do
        if [ -d "/etc/apt/$folder" ]; then cp -r "/etc/apt/$folder/." "$root/etc/apt/$folder/"; fi
    done
    mkdir -p "$root/etc/ssl/certs"
    cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
    for file in /etc/resolv.conf /etc/hosts; do cp "$file" "$root$file"; done

    mount -t proc proc "$root/proc"
    mount --bind /dev "$root/dev"
    mount -t devpts -o ptmxmode=0666 terminals "$root/dev/pts"
}
