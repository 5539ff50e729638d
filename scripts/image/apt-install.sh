#!/bin/sh
# Installs Debian packages in a stage of the image. A company's package repository is used when the build brings these
# secrets, which no layer keeps, in /run/secrets or /opt/build-secrets (the first is podman's and buildah's place for
# them, the second where OpenShift's build volumes go):
#   apt_sources   its sources, in either of Debian's formats, instead of those of the base image
#   apt_auth      its user and password, as apt_auth.conf(5) has them
#   apt_ca        PEM roots by which it is trusted
#   apt_conf      anything else, as apt.conf(5) has it, such as a proxy
# Usage: apt-install.sh PACKAGE...
set -eu

# secret NAME: its path; fails when the build has not brought it.
secret() {
    for directory in /run/secrets /opt/build-secrets; do
        if [ -e "$directory/apt_$1" ]; then echo "$directory/apt_$1" && return; fi
    done
    return 1
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
configuration=$work/apt.conf
{
    echo 'APT::Install-Recommends "false";'
    echo 'APT::Update::Error-Mode "any";'
    if sources=$(secret sources); then
        format=sources
        if grep -q '^deb ' "$sources"; then format=list; fi
        mkdir "$work/sources"
        cp "$sources" "$work/sources/mirror.$format"
        # apt drops its rights before it reads.
        chmod -R a+rX "$work"
        echo "Dir::Etc::SourceList \"/dev/null\"; Dir::Etc::SourceParts \"$work/sources\";"
    fi
    if auth=$(secret auth); then echo "Dir::Etc::netrc \"$auth\";"; fi
    if ca=$(secret ca); then echo "Acquire::https::CaInfo \"$ca\";"; fi
    if conf=$(secret conf); then cat "$conf"; fi
} >"$configuration"
export APT_CONFIG="$configuration" DEBIAN_FRONTEND=noninteractive

apt-get -qq update
# Also what the base image brought may be older than the repository.
apt-get -qq -y upgrade >/dev/null
apt-get -qq -y install "$@" >/dev/null
rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/log/apt /var/log/dpkg.log
