#!/bin/sh
# Installs Debian packages in a stage of the image. A company's package repository is used when the build brings these
# secrets, which no layer keeps:
#   apt_sources   its sources, in either of Debian's formats, instead of those of the base image
#   apt_auth      its user and password, as apt_auth.conf(5) has them
#   apt_ca        PEM roots by which it is trusted
#   apt_conf      anything else, as apt.conf(5) has it, such as a proxy
# Usage: apt-install.sh PACKAGE...
set -eu

secrets=${SECRETS_DIRECTORY:-/run/secrets}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
configuration=$work/apt.conf
{
    echo 'APT::Install-Recommends "false";'
    echo 'APT::Update::Error-Mode "any";'
    if [ -e "$secrets/apt_sources" ]; then
        format=sources
        if grep -q '^deb ' "$secrets/apt_sources"; then format=list; fi
        mkdir "$work/sources"
        cp "$secrets/apt_sources" "$work/sources/mirror.$format"
        # apt drops its rights before it reads.
        chmod -R a+rX "$work"
        echo "Dir::Etc::SourceList \"/dev/null\"; Dir::Etc::SourceParts \"$work/sources\";"
    fi
    if [ -e "$secrets/apt_auth" ]; then echo "Dir::Etc::netrc \"$secrets/apt_auth\";"; fi
    if [ -e "$secrets/apt_ca" ]; then echo "Acquire::https::CaInfo \"$secrets/apt_ca\";"; fi
    if [ -e "$secrets/apt_conf" ]; then cat "$secrets/apt_conf"; fi
} >"$configuration"
export APT_CONFIG="$configuration" DEBIAN_FRONTEND=noninteractive

apt-get -qq update
# Also what the base image brought may be older than the repository.
apt-get -qq -y upgrade >/dev/null
apt-get -qq -y install "$@" >/dev/null
rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/log/apt /var/log/dpkg.log
