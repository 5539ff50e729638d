#!/bin/sh
# Collects the file system of the runtime image: a program, exactly the shared libraries it links, and what they read.
# Each package's dpkg record comes along, where scanners look for it in images without a package manager, and a
# CycloneDX document names every package with its version.
# Usage: rootfs.sh PROGRAM DIRECTORY NAME VERSION SWIFT DOCS
#   SWIFT   a file that holds what `swift --version` says
#   DOCS    a folder with swagger-ui.txt, which pins a version of Swagger UI, and its files if it could be fetched
set -eu

program=$1 root=$2 name=$3 version=$4
swift=$(sed -n 's/.*Swift version \([0-9.]*\).*/\1/p' "$5" | head -n 1)
docs=$6

# package_of FILE: the package that owns it. Older records have the name that a file had before /usr was merged.
package_of() {
    { dpkg-query -S "$1" 2>/dev/null || dpkg-query -S "${1#/usr}"; } | sed -n '1s/[:,].*//p'
}

# install_file FILE [DESTINATION]: its content, without symbolic links, readable for all.
install_file() { install -D -m "$(if [ -x "$1" ]; then echo 755; else echo 644; fi)" "$1" "$root${2:-$1}"; }

mkdir -p "$root/usr/lib" "$root/usr/lib64" "$root/usr/bin"
ln -s usr/lib "$root/lib"
ln -s usr/lib64 "$root/lib64"
install -m 755 "$program" "$root/usr/bin/$name"

if ldd "$program" | grep 'not found' >&2; then
    echo "rootfs: the stage that collects needs the Debian packages of these libraries" >&2
    exit 1
fi
packages=$(mktemp)
# What is read without being linked: roots, time zones, and the release by which scanners know Debian.
printf '%s\n' ca-certificates tzdata base-files >"$packages"
ldd "$program" | sed -n 's/.* => \(\/[^ ]*\) .*/\1/p; s/^\s*\(\/[^ ]*\) .*/\1/p' | sort -u | while read -r library; do
    case $library in /usr/*) merged=$library ;; *) merged=/usr$library ;; esac
    install_file "$library" "$merged"
    package_of "$(readlink -f "$library")" >>"$packages"
done

install_file /etc/ssl/certs/ca-certificates.crt
# Where OpenSSL itself looks.
mkdir -p "$root/usr/lib/ssl"
ln -s /etc/ssl/certs/ca-certificates.crt "$root/usr/lib/ssl/cert.pem"
cp -a /usr/share/zoneinfo "$root/usr/share/"
install_file /usr/lib/os-release
install_file /etc/debian_version
ln -s ../usr/lib/os-release "$root/etc/os-release"
# glibc's default would not look into /etc/hosts when DNS knows no answer.
echo 'hosts: files dns' >"$root/etc/nsswitch.conf"
printf '%s\n' 'root:x:0:0:root:/:/sbin/nologin' "mlaas:x:1000:0:$name:/:/sbin/nologin" >"$root/etc/passwd"
echo 'root:x:0:' >"$root/etc/group"

swagger=''
if [ -e "$docs/swagger-ui-bundle.js" ]; then
    swagger=$(sed -n '1s/.*==\([0-9.]*\).*/\1/p' "$docs/swagger-ui.txt")
    for file in swagger-ui-bundle.js swagger-ui.css LICENSE; do
        install_file "$docs/$file" "/usr/share/$name/docs/$file"
    done
fi

sort -u -o "$packages" "$packages"
mkdir -p "$root/var/lib/dpkg/status.d"
while read -r package; do
    dpkg-query -s "$package" >"$root/var/lib/dpkg/status.d/$package"
    install_file "/usr/share/doc/$package/copyright"
done <"$packages"

# A package as purl: + and : are encoded.
component() {
    dpkg-query -W -f '${Package}\t${Version}\t${Architecture}\t${source:Package}\n' "$1" | head -n 1 |
        while IFS="$(printf '\t')" read -r package number architecture source; do
            encoded=$(printf %s "$number" | sed 's/+/%2B/g; s/:/%3A/g; s/~/%7E/g')
            purl="pkg:deb/debian/$package@$encoded?arch=$architecture&distro=debian-12"
            printf '{"type":"library","bom-ref":"%s","name":"%s","version":"%s","purl":"%s",' \
                "$purl" "$package" "$number" "$purl"
            printf '"properties":[{"name":"debian:source","value":"%s"}]}' "$source"
        done
}
digest=$(sha256sum "$program" | cut -d' ' -f1)
mkdir -p "$root/usr/share/sbom"
{
    printf '{"bomFormat":"CycloneDX","specVersion":"1.5","version":1,'
    # Derived from the program, so that two builds of one commit write one document.
    printf '"serialNumber":"urn:uuid:%s",' \
        "$(printf %s "$digest" | sed 's/^\(.\{8\}\)\(.\{4\}\).\(.\{3\}\).\(.\{3\}\)\(.\{12\}\).*/\1-\2-4\3-8\4-\5/')"
    printf '"metadata":{"component":{"type":"application","bom-ref":"%s","name":"%s","version":"%s",' \
        "$name" "$name" "$version"
    printf '"licenses":[{"license":{"id":"Apache-2.0"}}],"hashes":[{"alg":"SHA-256","content":"%s"}]}},' "$digest"
    printf '"components":[{"type":"framework","bom-ref":"swift","name":"swift-stdlib","version":"%s",' "$swift"
    printf '"licenses":[{"license":{"id":"Apache-2.0"}}],"description":"linked into the program"}'
    if [ -n "$swagger" ]; then
        printf ',{"type":"library","bom-ref":"swagger-ui","name":"swagger-ui","version":"%s",' "$swagger"
        printf '"purl":"pkg:npm/swagger-ui-dist@%s","licenses":[{"license":{"id":"Apache-2.0"}}]}' "$swagger"
    fi
    while read -r package; do
        printf ','
        component "$package"
    done <"$packages"
    printf ']}\n'
} >"$root/usr/share/sbom/$name.cdx.json"
rm "$packages"
# Group 0 may read what its owner may: arbitrary users of OpenShift are in it.
chmod -R g=u,go-w "$root"
